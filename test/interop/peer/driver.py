"""Answers commands of the tests, one JSON object a line: {"id", "peer", "command", ...} in, {"id", "result" | "error"} out.

Standard output belongs to the answers; whatever Spark prints goes to standard error. One Spark session serves the whole run and is
started by the first command that names Spark.
"""

import json
import os
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Peers:
    def __init__(self):
        self._spark = None
        self._deltalake = None

    def of(self, name):
        if name == "spark":
            if self._spark is None:
                from spark_peer import SparkPeer

                cache = os.environ.get("VARVE_SPARK_CACHE") or os.path.join(tempfile.gettempdir(), "varve-spark")
                self._spark = SparkPeer(cache)
            return self._spark
        if name == "deltalake":
            if self._deltalake is None:
                from deltalake_peer import DeltalakePeer

                self._deltalake = DeltalakePeer()
            return self._deltalake
        raise ValueError(f"no peer named {name}")

    def stop(self):
        if self._spark is not None:
            self._spark.stop()


def answer(peers, request):
    method = getattr(peers.of(request["peer"]), request["command"])
    return method(**request.get("arguments", {}))


def main():
    # Java inherits descriptor 1: give the answers a descriptor of their own and send everything else to standard error.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    peers = Peers()
    for line in sys.stdin:
        if not line.strip():
            continue
        request = json.loads(line)
        try:
            reply = {"id": request["id"], "result": answer(peers, request)}
        except Exception as error:
            traceback.print_exc()
            reply = {"id": request["id"], "error": {"type": type(error).__name__, "message": str(error)[:4000]}}
        out.write(json.dumps(reply, ensure_ascii=False, allow_nan=False) + "\n")
        out.flush()
    peers.stop()


if __name__ == "__main__":
    main()
