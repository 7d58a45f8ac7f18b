"""Qdrant's own Python client in its local mode, behind the paths of the server's HTTP interface.

Requests are read by the models that Qdrant generates from its API description, and refused where these
refuse them; what they mean is decided by the client's own implementation. Prints its port.
"""

import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

from pydantic import TypeAdapter, ValidationError
from qdrant_client import models as m
from qdrant_client.local.qdrant_local import QdrantLocal

warnings.filterwarnings("ignore")
local = QdrantLocal(":memory:")
lock = threading.Lock()


class Unknown(Exception):
    pass


def read(model, body):
    return TypeAdapter(model).validate_python(body)


def shown(value):
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value


def answer(method, path, body):
    parts = path.strip("/").split("/")
    if parts[0] != "collections" or len(parts) < 2:
        raise Unknown(f"no such path: {path}")
    name, rest = parts[1], parts[2:]
    key = (method, *rest)
    if key == ("PUT",):
        if local.collection_exists(name):
            raise FileExistsError(f"Wrong input: Collection `{name}` already exists!")
        asked = read(m.CreateCollection, body)
        return local.create_collection(
            name, vectors_config=asked.vectors, sparse_vectors_config=asked.sparse_vectors
        )
    if not local.collection_exists(name):
        raise Unknown(f"Not found: Collection `{name}` doesn't exist!")
    if key == ("GET",):
        return local.get_collection(name)
    if key == ("PUT", "index"):
        asked = read(m.CreateFieldIndex, body)
        return local.create_payload_index(name, asked.field_name, asked.field_schema)
    if key[:2] == ("PUT", "vectors"):
        return local.create_vector_name(name, rest[1], read(m.VectorNameConfig, body))
    if key == ("PUT", "points"):
        return local.upsert(name, read(m.PointsList, body).points)
    if key == ("POST", "points"):
        asked = read(m.PointRequest, body)
        return local.retrieve(name, asked.ids, asked.with_payload, asked.with_vector or False)
    if key == ("POST", "points", "delete"):
        return local.delete(name, read(m.PointsSelector, body))
    if key == ("POST", "points", "payload"):
        asked = read(m.SetPayload, body)
        return local.set_payload(name, asked.payload, asked.points or asked.filter)
    if key == ("POST", "points", "count"):
        asked = read(m.CountRequest, body)
        return local.count(name, asked.filter)
    if key == ("POST", "points", "scroll"):
        asked = read(m.ScrollRequest, body)
        points, following = local.scroll(
            name,
            scroll_filter=asked.filter,
            limit=asked.limit,
            offset=asked.offset,
            with_payload=asked.with_payload,
            with_vectors=asked.with_vector or False,
        )
        return {"points": shown(points), "next_page_offset": following}
    if key == ("POST", "points", "query"):
        asked = read(m.QueryRequest, body)
        return local.query_points(
            name,
            query=asked.query,
            using=asked.using,
            query_filter=asked.filter,
            limit=asked.limit,
            with_payload=asked.with_payload,
            search_params=asked.params,
        )
    raise Unknown(f"no such path: {method} {path}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, at once: otherwise each answer waits for the client's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        try:
            if self.headers.get("api-key") != "test-key":
                raise PermissionError("Invalid API key")
            body = json.loads(body) if body else None
            with lock:
                result = answer(self.command, urlparse(self.path).path, body)
            self.reply(200, {"result": shown(result), "status": "ok", "time": 0.0})
        except Unknown as error:
            self.refuse(404, error)
        except FileExistsError as error:
            self.refuse(409, error)
        except PermissionError as error:
            self.refuse(401, error)
        except (ValidationError, ValueError, TypeError, AssertionError) as error:
            self.refuse(400, error)

    do_GET = do_PUT = do_POST = handle_one

    def refuse(self, status, error):
        self.reply(status, {"status": {"error": str(error)}, "time": 0.0})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Whoever asked is gone.
            self.close_connection = True

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)


def until_the_test_ends():
    sys.stdin.read()
    server.shutdown()


threading.Thread(target=until_the_test_ends, daemon=True).start()
server.serve_forever()
