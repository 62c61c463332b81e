"""What travels over the JSON API, as pydantic models: document and checks come from them."""
