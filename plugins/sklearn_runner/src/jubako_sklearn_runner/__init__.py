"""The scikit-learn runner type of Jubako."""
