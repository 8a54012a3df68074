"""Optimal policy: a planner's first-order conditions, rules without commitment, simple rules, and welfare."""
