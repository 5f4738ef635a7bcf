"""A stand-in for the Hugging Face hub on this machine: takes commits, serves files, as far as a small model needs."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 40


def sha(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """Repositories are folders under `root`; every one has a single commit."""

    root: Path
    token = "hf_right"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self.reply(401, {"error": "Invalid username or password."})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            (self.root / name).mkdir(parents=True, exist_ok=True)
            return self.reply(200, {"url": f"{self.server.address}/{name}", "id": name})
        if self.path == "/api/validate-yaml":  # the head of a model's card
            return self.reply(200, {"errors": [], "warnings": []})
        *_, owner, name, action, _revision = self.path.split("/")
        if action == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self.reply(200, {"files": files})
        if action == "commit":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    (self.root / owner / name / line["value"]["path"]).write_bytes(
                        base64.b64decode(line["value"]["content"])
                    )
            url = f"{self.server.address}/{owner}/{name}/commit/{COMMIT}"
            return self.reply(200, {"success": True, "commitOid": COMMIT, "commitUrl": url})
        return self.reply(404, {"error": f"no {self.path} here"})

    def do_GET(self):
        path = self.path.split("?")[0].strip("/").split("/")
        if path[:2] == ["api", "models"]:
            files = sorted(self.root.joinpath(*path[2:4]).glob("*"))
            if path[4:5] == ["tree"]:
                tree = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": sha(f)} for f in files]
                return self.reply(200, tree)
            names = [{"rfilename": file.name} for file in files]
            return self.reply(200, {"id": "/".join(path[2:4]), "sha": COMMIT, "siblings": names})
        file = self.root.joinpath(*path[:2], *path[4:])  # owner/name/resolve/revision/file
        if len(path) < 5 or not file.is_file():
            return self.reply(404, {"error": "not found"}, **{"X-Error-Code": "EntryNotFound"})
        return self.reply(200, file.read_bytes(), **{"ETag": f'"{sha(file)}"', "X-Repo-Commit": COMMIT})

    do_HEAD = do_GET

    def reply(self, status, value, **headers):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


def serve(root: Path) -> ThreadingHTTPServer:
    """A server at a free port, not yet running; `address` is its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHub", (Hub,), {"root": root}))
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    return server
