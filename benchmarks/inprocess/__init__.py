"""What a model takes without any server: programs that run in an environment of Jubako's, and the model of W3."""
