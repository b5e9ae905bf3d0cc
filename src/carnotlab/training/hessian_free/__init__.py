"""Hessian-free optimization: truncated Newton steps from products with the Gauss–Newton matrix."""
