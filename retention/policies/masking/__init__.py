"""How one column is anonymized: `forms` are the masks, `parse` reads them."""

from retention.policies.masking.forms import (
    TRUNCATE_UNITS,
    Bands,
    Constant,
    Empty,
    Json,
    JsonConstant,
    JsonMask,
    KeepLast,
    Mask,
    Network,
    Null,
    Prefix,
    Pseudonym,
    Round,
    Template,
    Truncate,
)
from retention.policies.masking.parse import parse_mask

__all__ = [
    "TRUNCATE_UNITS",
    "Bands",
    "Constant",
    "Empty",
    "Json",
    "JsonConstant",
    "JsonMask",
    "KeepLast",
    "Mask",
    "Network",
    "Null",
    "Prefix",
    "Pseudonym",
    "Round",
    "Template",
    "Truncate",
    "parse_mask",
]
