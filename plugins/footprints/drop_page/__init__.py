"""The page where a partner drags a file in, sees its verdict, and sends it into its own prefix of the bucket.

`routes` are its addresses, `examiner` judges files in a process of its own, `uploads` signs the PUT that each needs.
"""
