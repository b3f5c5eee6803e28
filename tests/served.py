"""The engine in a folder as a program: a line of JSON for each request and answer."""

import json
import sys

from layerproof.engines.directory.engine import DirectoryEngine
from layerproof.errors import Refused
from layerproof.machines.store.messages import VERSION, arguments, encoded, shown


def hello(engine):
    return {"messages": VERSION, "name": "served", "version": "1", "dialect": engine.dialect,
            "capabilities": sorted(engine.capabilities), "program": encoded(engine.program),
            "command": list(engine.command)}


def main():
    engine = DirectoryEngine()
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if message["do"] == "hello":
                result = hello(engine)
            else:
                result = getattr(engine, message["do"])(*arguments(message))
            answer = {"result": shown(result) if message["do"] == "observe" else result}
        except Refused as refused:
            answer = {"refused": refused.refusal, "detail": refused.detail}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
