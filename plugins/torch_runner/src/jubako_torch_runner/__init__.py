"""The PyTorch runner type of Jubako: `jubako.torch`, also `jubako.pytorch`."""
