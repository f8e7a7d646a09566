"""Ollama's native API: what a host has, what is loaded, pulling, copying and deleting."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fake_agent.catalog import FakeModel, full, model_named
from tests.fake_agent.memory import Runner
from tests.fake_agent.wire import Json, Ndjson, Refusal, read_json

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost


class Library:
    """The routes that are not inference."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; GET routes answer HEAD too."""
        return [
            web.get("/", self.alive),
            web.get("/api/version", self.version),
            web.get("/api/status", self.status),
            web.get("/api/tags", self.tags),
            web.get("/api/ps", self.resident),
            web.post("/api/show", self.show),
            web.post("/api/pull", self.pull),
            web.post("/api/copy", self.copy),
            web.delete("/api/delete", self.delete),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        """Say the sentence everybody greps for."""
        return web.Response(text="Ollama is running")

    async def version(self, request: web.Request) -> web.Response:
        """Tell the version."""
        return web.json_response({"version": self.host.settings.version})

    async def status(self, request: web.Request) -> web.Response:
        """Tell whether the cloud is on."""
        return web.json_response({"cloud": {"disabled": True, "source": "config"}})

    async def tags(self, request: web.Request) -> web.Response:
        """List the models."""
        return web.json_response({"models": [self._tag(model) for model in self.host.catalog]})

    async def resident(self, request: web.Request) -> web.Response:
        """List the loaded models."""
        loaded = self.host.memory.loaded()
        return web.json_response({"models": [self._process(runner) for runner in loaded]})

    async def show(self, request: web.Request) -> web.Response:
        """Tell all about one model."""
        body = await read_json(request)
        name = str(body.get("model") or body.get("name") or "")
        if not name:
            raise Refusal(400, "model is required")
        if any(sign.isspace() for sign in name):
            raise Refusal(400, "invalid model name")
        return web.json_response(self._shown(self.host.model(name)))

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """Pull a model, telling how far it is; an error comes inside the 200."""
        body = await read_json(request)
        name = str(body.get("model") or body.get("name") or "")
        if not name:
            raise Refusal(400, "invalid model name")
        if body.get("stream") is False:
            return web.json_response(await self._pull_quietly(name))
        stream = Ndjson(request)
        async for step in self._pulling(name):
            if "error" in step or step == {"status": "success"}:
                return await stream.end(step)
            await stream.send(step)
        raise AssertionError("a pull ends with success or an error")

    async def copy(self, request: web.Request) -> web.Response:
        """Give a model a second name."""
        body = await read_json(request)
        source = self.host.model(str(body.get("source") or ""))
        self.host.catalog.copy(source, str(body.get("destination") or ""))
        return web.Response()

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a model, and unload it."""
        body = await read_json(request)
        model = self.host.model(str(body.get("model") or body.get("name") or ""))
        self.host.memory.unload(model)
        self.host.catalog.remove(model)
        self.host.downloads.forget(model)
        return web.Response()

    # -- inside ------------------------------------------------------------------------------

    async def _pull_quietly(self, name: str) -> Json:
        last: Json = {}
        async for last in self._pulling(name):
            if "error" in last:
                raise Refusal(500, last["error"])
        return last

    async def _pulling(self, name: str) -> AsyncIterator[Json]:
        yield {"status": "pulling manifest"}
        registry = self.host.settings.registry
        if registry is not None and full(name) not in map(full, registry):
            yield {"error": "pull model manifest: file does not exist"}
            return
        model, known = model_named(full(name)), self.host.catalog.find(name)
        if known is not None and known.digest == model.digest:
            model = known
            self.host.downloads.have(model)
        async for step in self.host.downloads.fetch(model):
            yield step
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        self.host.catalog.add(model)
        yield {"status": "success"}

    def _tag(self, model: FakeModel) -> Json:
        row = {**_named(model), "modified_at": self.host.stamp(0), "details": _details(model)}
        if not self.host.settings.old:
            row["capabilities"] = list(model.capabilities)
            row["details"]["context_length"] = model.context_length
            row["details"]["embedding_length"] = model.embedding_length
        return row

    def _process(self, runner: Runner) -> Json:
        kept = 0.0 if runner.keep_alive < 0 else runner.keep_alive
        busy_until = self.host.clock.now() + kept if runner.users and kept else runner.expires
        return {
            **_named(runner.model),
            "details": _details(runner.model),
            "expires_at": self.host.stamp(busy_until),
            "size_vram": runner.model.size,
            "context_length": runner.context,
        }

    def _shown(self, model: FakeModel) -> Json:
        return {
            "license": "Apache-2.0",
            "modelfile": f"# fake\nFROM {model.name}",
            "parameters": "temperature 0.8",
            "template": "{{ .Prompt }}",
            "details": _details(model),
            "model_info": {
                "general.architecture": model.family,
                "general.parameter_count": round(model.billions * 1e9),
                f"{model.family}.context_length": model.context_length,
                f"{model.family}.embedding_length": model.embedding_length,
            },
            "capabilities": list(model.capabilities),
            "modified_at": self.host.stamp(0),
        }


def _named(model: FakeModel) -> Json:
    return {"name": model.name, "model": model.name, "size": model.size, "digest": model.digest}


def _details(model: FakeModel) -> Json:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": model.quantization,
    }
