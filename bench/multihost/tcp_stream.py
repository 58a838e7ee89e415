#!/usr/bin/env python3
"""Times one TCP connection that is full in both directions at once.

tcp_stream.py serve PORT            on one host: answers one peer, then ends
tcp_stream.py connect HOST PORT BYTES[,BYTES...] SAMPLES
                                    on another: prints {"BYTES": [microseconds, ...], ...}

Each side sends BYTES and receives as many. A sample lasts from a common start until both sides have
received everything: what an allreduce of BYTES between two hosts has to move at least.
"""

import json
import socket
import struct
import sys
import threading
import time

TIMEOUT_S = 60
HEADER = struct.Struct("!qq")
SECONDS = struct.Struct("!d")


def receive(connection, view):
    while view:
        size = connection.recv_into(view)
        if size == 0:
            raise ConnectionError("the peer has closed the connection")
        view = view[size:]


def swap(connection, message):
    """Sends a short message and receives one of the same length."""
    connection.sendall(message)
    answer = bytearray(len(message))
    receive(connection, memoryview(answer))
    return bytes(answer)


def sample(connection, outgoing, incoming):
    """Seconds for both directions, as the slower side has seen them."""
    swap(connection, b"!")
    started = time.perf_counter()
    sender = threading.Thread(target=connection.sendall, args=(outgoing,))
    sender.start()
    receive(connection, memoryview(incoming))
    sender.join()
    seconds = time.perf_counter() - started
    return max(seconds, *SECONDS.unpack(swap(connection, SECONDS.pack(seconds))))


def measure(connection, size_bytes, samples):
    """After one that opens TCP's windows."""
    outgoing, incoming = bytes(size_bytes), bytearray(size_bytes)
    times = [sample(connection, outgoing, incoming) for _ in range(samples + 1)]
    return [1e6 * seconds for seconds in times[1:]]


def prepare(connection):
    connection.settimeout(TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def serve(port):
    with socket.create_server(("", int(port))) as server:
        server.settimeout(TIMEOUT_S)
        with prepare(server.accept()[0]) as connection:
            while True:
                header = bytearray(HEADER.size)
                receive(connection, memoryview(header))
                size_bytes, samples = HEADER.unpack(header)
                if size_bytes == 0:
                    return
                measure(connection, size_bytes, samples)


def connect_patiently(host, port):
    """The other side may still be starting."""
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def connect(host, port, sizes, samples):
    results = {}
    with prepare(connect_patiently(host, port)) as connection:
        for size_bytes in map(int, sizes.split(",")):
            connection.sendall(HEADER.pack(size_bytes, int(samples)))
            results[size_bytes] = measure(connection, size_bytes, int(samples))
        connection.sendall(HEADER.pack(0, 0))
    print(json.dumps(results))


if __name__ == "__main__":
    {"serve": serve, "connect": connect}[sys.argv[1]](*sys.argv[2:])
