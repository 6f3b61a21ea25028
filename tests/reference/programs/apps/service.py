import asyncio
import json

from flask import Flask, request

import jubako as bentoml
from jubako.io import JSON, Text


class LengthRunner(bentoml.Runner):
    @property
    def num_replica(self):
        return 1

    def _setup(self):
        pass

    def _run_batch(self, texts):
        return [len(text) for text in texts]


length = LengthRunner("length")
svc = bentoml.Service("apps", runners=[length])

flask_app = Flask("length")


@flask_app.route("/length", methods=["GET", "POST"])
def of_flask():
    return {"length": length.run(request.args["text"])}


async def asgi_app(scope, receive, send):
    """What a FastAPI app is to a server."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    text = scope["query_string"].decode().partition("=")[2]
    body = json.dumps({"path": scope["path"], "length": await length.async_run(text)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class StampMiddleware:
    def __init__(self, app, stamp):
        self.app = app
        self.stamp = stamp

    async def __call__(self, scope, receive, send):
        async def stamped(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-stamp", self.stamp.encode())]}
            await send(message)

        await self.app(scope, receive, stamped)


svc.mount_wsgi_app(flask_app, path="/flask")
svc.mount_asgi_app(asgi_app, path="/asgi")
svc.add_asgi_middleware(StampMiddleware, stamp="ours")


@svc.api(input=Text(), output=JSON(), route="/v1/length")
def with_slash(text):
    return length.run(text)


@svc.api(input=Text(), output=JSON(), route="v2/length")
async def without_slash(text):
    await asyncio.sleep(0)
    return await length.async_run(text)
