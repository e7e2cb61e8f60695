"""Label trees over random forests, and the support vector machine that classifies their scores."""
