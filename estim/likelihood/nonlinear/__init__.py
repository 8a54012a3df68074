"""Likelihoods of state spaces that need not be linear."""
