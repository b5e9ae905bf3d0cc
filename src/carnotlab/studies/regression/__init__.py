"""Studies of linear regression in high dimensions: regularization, stopping, speed."""
