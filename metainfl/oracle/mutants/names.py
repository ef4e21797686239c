"""What a trusted diagnosis may say of each wrong method: a regular expression of right names."""

NAMES: dict[str, str] = {}
