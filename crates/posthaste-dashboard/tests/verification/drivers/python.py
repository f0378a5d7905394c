import base64
import sys

import receiver


def decoded(field):
    return base64.b64decode(field)


for line in sys.stdin.read().splitlines():
    key, now, body, *headers = line.split("\t")
    names = headers[::2]
    headers = dict(zip(names, [decoded(value).decode() for value in headers[1::2]]))
    secret, body = decoded(key).decode(), decoded(body)
    if now == "now":
        print(int(receiver.is_authentic(headers, body)))
    else:
        now = int(now)
        print(int(receiver.verify(secret, headers, body, now)))
