"""The process backend: replicas in processes of their own, reached over Unix sockets.

`frames` lays bytes out, `stream` moves them, `codec` turns calls and answers into frames and back. `worker_side` and
`replica_side` are the two ends of a channel; each carries what `jubako.dispatch` has on its side. `backend` is what an
API worker starts.
"""
