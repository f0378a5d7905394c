#!/usr/bin/env python3
"""A million deliveries waiting (docs/internals/performance.md): the server's memory while they pile
up behind a slow receiver, and how soon the first one arrives after a SIGKILL and a restart.

    cargo build --release && scripts/bench-backlog.py [COUNT]
"""
import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
LISTEN, BATCH = "127.0.0.1:8473", 5_000
API = f"http://{LISTEN}/api/v1/webhooks"
BINARY = pathlib.Path(__file__).resolve().parent.parent / "target/release/posthaste"
PAYLOAD = "x" * 200
arrivals = []


async def receive(reader, writer):
    """Answers each request a fifth of a second late: 32 at once make 160 a second."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            arrivals.append(time.monotonic())
            await asyncio.sleep(0.2)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        writer.close()


def call(key, path, body):
    request = urllib.request.Request(API + path, json.dumps(body).encode())
    request.add_header("authorization", f"Bearer {key}")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def memory_mb(server, field):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) // 1000


async def start(data):
    """A server that answers."""
    command = [BINARY, "serve", "--dev", "--listen", LISTEN, "--data-dir", data]
    log = open(f"{data}.log", "ab")
    server = subprocess.Popen(command, stdout=log, stderr=log)
    while True:
        try:
            urllib.request.urlopen(f"http://{LISTEN}/healthz").close()
            return server
        except OSError:
            await asyncio.sleep(0.01)


async def publish_all(server, key):
    peak = 0
    for first in range(0, COUNT, BATCH):
        events = [{"type": "bench.event", "data": {"n": n, "text": PAYLOAD}}
                  for n in range(first, min(first + BATCH, COUNT))]
        while True:
            try:
                await asyncio.to_thread(call, key, "/events/batch", events)
                break
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                await asyncio.sleep(0.2)
        peak = max(peak, memory_mb(server, "VmRSS"))
    return peak


async def main():
    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = receiver.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as work:
        data = f"{work}/data"
        server = await start(data)
        try:
            key = pathlib.Path(f"{data}/admin.key").read_text().strip()
            call(key, "/subscriptions", {"url": f"http://127.0.0.1:{port}/", "retry": "none"})
            began = time.monotonic()
            peak = await publish_all(server, key)
            took = time.monotonic() - began
            print(f"{COUNT} events accepted in {took:.0f} s, {len(arrivals)} delivered meanwhile")
            print(f"resident memory while they came: at most {peak} MB")
            await asyncio.sleep(10)
            print(f"ten seconds later: {memory_mb(server, 'VmRSS')} MB")
            server.kill()
            server.wait()
            killed, known = time.monotonic(), len(arrivals)
            server = await start(data)
            up = time.monotonic()
            while len(arrivals) == known:
                await asyncio.sleep(0.005)
            first = arrivals[known]
            print(f"after SIGKILL: answers {up - killed:.2f} s, first delivery {first - killed:.2f} s "
                  "after the restart began")
            await asyncio.sleep(10)
            print(f"ten seconds later: {memory_mb(server, 'VmRSS')} MB, peak "
                  f"{memory_mb(server, 'VmHWM')} MB, {len(arrivals) - known} delivered")
        finally:
            server.kill()
            server.wait()


asyncio.run(main())
