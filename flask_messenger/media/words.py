"""Why a file is not there, as a word for machines and a sentence for people."""

from typing import Final

HOST_REFUSED: Final = "media_host_refused"
PRIVATE_ADDRESS: Final = "media_private_address"
TOO_MANY_REDIRECTS: Final = "media_too_many_redirects"
TOO_LARGE: Final = "media_too_large"
WRONG_TYPE: Final = "media_wrong_type"
ENCODED: Final = "media_encoded"
EMPTY: Final = "media_empty"
UNREACHABLE: Final = "media_unreachable"
TIMED_OUT: Final = "media_timed_out"
NOT_SERVED: Final = "media_not_served"
GONE: Final = "media_gone"
NO_ADDRESS: Final = "media_no_address"
NOT_STORED: Final = "media_not_stored"
POLICY: Final = "media_policy"

EXPLANATIONS: Final = {
    HOST_REFUSED: "The file is not on one of Meta's servers.",
    PRIVATE_ADDRESS: "The address of the file leads into a private network.",
    TOO_MANY_REDIRECTS: "The address of the file leads from one to the next.",
    TOO_LARGE: "The file is too large to be kept.",
    WRONG_TYPE: "The file is not what it was said to be.",
    ENCODED: "The file is packed in a way that is not asked for.",
    EMPTY: "The file is empty.",
    UNREACHABLE: "Meta's server could not be reached.",
    TIMED_OUT: "Meta's server took too long.",
    NOT_SERVED: "Meta's server could not serve the file.",
    GONE: "Meta does not serve the file any more.",
    NO_ADDRESS: "Meta gave no address of the file.",
    NOT_STORED: "The file could not be stored.",
    POLICY: "Meta's terms do not allow keeping this file.",
}
UNKNOWN: Final = "The file could not be loaded."


def explain(slug: str | None) -> str:
    """Return the sentence for an attachment's `error_slug`."""
    return EXPLANATIONS.get(slug or "", UNKNOWN)
