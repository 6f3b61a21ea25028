"""The model's class, in a file beside the service."""


class Scaler:
    def __init__(self, factor):
        self.factor = factor

    def transform(self, rows):
        return rows * self.factor

    __call__ = transform
