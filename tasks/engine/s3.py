"""S3: how long and how often a request is tried, and what its failure means, in one sentence."""

import os
from functools import cache
from typing import Any

CONNECT_S = 5.0
SILENCE_S = 15.0
ATTEMPTS = 5  # at a request, after pauses of at most 1, 2, 4 and 8 s
# At an answer that breaks off while it is read. s3fs tries a request that often too, so a storage that is silent is
# given up after ATTEMPTS * READS² silences, 11 minutes.
READS = 3

MISSING_BUCKET = ("NoSuchBucket", "404")
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired", "InvalidToken")
BUSY = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504")


def request_config() -> dict[str, Any]:
    """How a client of S3 waits and tries again: arguments of botocore's `Config`."""
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return {"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S, "retries": retries}


def is_anonymous() -> bool:
    """Whether this machine has no credentials for S3."""
    return not _has_credentials(tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@cache
def _has_credentials(_: tuple[tuple[str, str], ...]) -> bool:
    """Asked once for each set of variables: on a machine of a cloud it is a question to the network."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    try:
        return botocore.session.get_session().get_credentials() is not None
    except BotoCoreError:  # such as a profile that does not exist: the request itself says so
        return True


def may_pass(error: BaseException | None) -> bool:
    """Whether it is a failure of S3 after which the same request may succeed later."""
    return _is_silence(error) or _code(error) in BUSY


def sentence(error: Exception, where: str, option: str = "--root") -> str | None:
    """What went wrong with S3 in one sentence with the remedy.

    None if it is no error of S3's client, or says no more than that there is no such file.

    Args:
        where: the address, or what is kept there.
        option: with which another place can be chosen.
    """
    import botocore.exceptions as s3

    if isinstance(error, s3.NoCredentialsError | s3.PartialCredentialsError | s3.CredentialRetrievalError):
        return f"No credentials for {where}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    if _is_silence(error):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "S3"
        return f"{endpoint} does not answer for {where}: check the network and AWS_ENDPOINT_URL, and run again."
    code = _code(error)
    if code is None:
        return f"S3 cannot be used for {where}: {error}." if isinstance(error, s3.BotoCoreError) else None
    if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
        return None
    return _of_code(code, where, option)


def _of_code(code: str, where: str, option: str) -> str:
    if code in MISSING_BUCKET:
        return f"There is no bucket for {where} ({code}): create it, or choose another place with {option}."
    if code in EXPIRED:
        return f"The credentials for {where} have expired ({code}): renew them and run again; what is finished is kept."
    if code in BUSY:
        return (
            f"S3 fails or is too busy for {where}, {ATTEMPTS} times in turn ({code}): run again later; "
            "what is finished is kept."
        )
    if code == "RequestTimeTooSkewed":
        return f"S3 refuses access to {where} ({code}): set the clock of this machine."
    if code in ("AccessDenied", "403") and is_anonymous():
        return (
            f"{where} is not public, and there are no credentials for it: set AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or choose another place with {option}."
        )
    return (
        f"S3 refuses access to {where} ({code}): check the credentials and their rights, or choose another place "
        f"with {option}."
    )


def _is_silence(error: BaseException | None) -> bool:
    """No answer, or one that broke off."""
    import botocore.exceptions as s3

    no_connection = s3.EndpointConnectionError | s3.ConnectTimeoutError
    return isinstance(error, no_connection | s3.HTTPClientError) or type(error).__module__.startswith("aiohttp.")


def _code(error: BaseException | None) -> str | None:
    """The code of S3's answer; s3fs raises errors of the system instead, which name it as their cause."""
    import botocore.exceptions as s3

    for each in (error, error.__cause__ if isinstance(error, OSError) else None):
        if isinstance(each, s3.ClientError):
            return str(each.response.get("Error", {}).get("Code", ""))
    return None
