"""The three signature schemes, verified with nothing but the standard library."""

import base64
import hashlib
import hmac
import re
import time

TOLERANCE_S = 300


class Refused(Exception):
    """The request was not signed with this secret, or not now."""


def verify(secret, headers, body):
    """Refuses a request that does not verify in every scheme."""
    verify_standard(secret, headers, body)
    verify_pt(secret, headers, body)
    verify_x_webhook(secret, headers, body)


def verify_standard(secret, headers, body):
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    check_time(timestamp)
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
    else:
        key = secret.encode()
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    for signature in headers["webhook-signature"].split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value, expected):
            return
    raise Refused("webhook-signature")


def verify_pt(secret, headers, body):
    parts = [part.partition("=")[::2] for part in headers["x-pt-signature"].split(",")]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1:
        raise Refused("x-pt-signature holds no one time")
    check_time(times[0])
    expected = hmac.digest(secret.encode(), times[0].encode() + body, "sha256").hex()
    if not any(name == "v1" and hmac.compare_digest(value, expected) for name, value in parts):
        raise Refused("x-pt-signature")


def verify_x_webhook(secret, headers, body):
    algorithm, _, value = headers["x-webhook-signature"].partition("=")
    if algorithm not in ("sha256", "sha512"):
        raise Refused("x-webhook-signature names another hash")
    expected = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    if not hmac.compare_digest(value, expected):
        raise Refused("x-webhook-signature")


def check_time(timestamp):
    if not re.fullmatch("[1-9][0-9]{9}", timestamp):
        raise Refused("no timestamp")
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise Refused("the timestamp is too far away")
