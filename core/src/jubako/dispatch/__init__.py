"""Adaptive batching in two halves that do not know where they run.

Beside the caller stands a `CallerQueue` a runner method: order, bounds, deadlines, withdrawal, choice of replica.
Beside the model stands a `Lane` a method: the limit, the cost model, the hold, joining, splitting on failure. They
exchange calls, credit and answers; `backends` carries these from one to the other. Policies are pure decisions.
"""
