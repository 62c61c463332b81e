"""View models and the words in them. Pure: values in, values out."""
