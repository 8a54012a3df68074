"""Errors of averages over correlated draws."""

import numpy as np


def batch_standard_error(values: np.ndarray, num_batches: int = 20) -> float:
    """Of the mean of correlated draws ``[chain, draw]``, from the means of batches (Geweke 1992)."""
    per_chain = max(2, num_batches // values.shape[0])
    length = values.shape[1] // per_chain
    means = values[:, : per_chain * length].reshape(-1, length).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(len(means)))
