"""What llama.cpp, vLLM and LM Studio serve beyond /v1, and how each words an error."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fake_agent.catalog import FakeModel
from tests.fake_agent.memory import Need
from tests.fake_agent.settings import Flavour
from tests.fake_agent.wire import Json, Part, Refusal, read_json

if TYPE_CHECKING:
    from tests.fake_agent.host import FakeHost

_LLAMA_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    500: "server_error",
    501: "not_supported_error",
    503: "unavailable_error",
}
_VLLM_TYPES = {404: "NotFoundError", 400: "BadRequestError"}


def extra_routes(host: "FakeHost") -> list[web.RouteDef]:
    """Return the routes a flavour has for itself."""
    makers: dict[str, Callable[[FakeHost], Part]] = {
        "llamacpp": LlamaCpp,
        "vllm": Vllm,
        "lmstudio": LmStudio,
    }
    maker = makers.get(host.kind.key)
    return maker(host).routes() if maker else []


class LlamaCpp:
    """llama.cpp's server: one model, slots that can be looked at."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/health", self.health),
            web.get("/props", self.props),
            web.get("/slots", self.slots),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say that the model is loaded."""
        return web.json_response({"status": "ok"})

    async def props(self, request: web.Request) -> web.Response:
        """Tell how the server was started."""
        model = next(iter(self.host.catalog))
        return web.json_response(
            {
                "default_generation_settings": {"n_ctx": self.host.settings.context},
                "total_slots": self.host.settings.slots,
                "model_alias": model.name,
                "model_path": f"/models/{model.name}.gguf",
                "modalities": {"vision": model.can("vision"), "audio": False},
                "build_info": self.host.kind.fingerprint,
            }
        )

    async def slots(self, request: web.Request) -> web.Response:
        """Tell which slots are busy."""
        memory, settings = self.host.memory, self.host.settings
        rows = [
            {"id": number, "n_ctx": settings.context, "is_processing": number < memory.running}
            for number in range(settings.slots)
        ]
        return web.json_response(rows)

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell the load."""
        memory = self.host.memory
        return _metrics(
            {
                "llamacpp:requests_processing": memory.running,
                "llamacpp:requests_deferred": memory.waiting,
            }
        )


class Vllm:
    """vLLM's server."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/health", self.health),
            web.get("/version", self.version),
            web.get("/metrics", self.metrics),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say nothing, with a 200."""
        return web.Response()

    async def version(self, request: web.Request) -> web.Response:
        """Tell the version."""
        return web.json_response({"version": self.host.settings.version})

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell the load."""
        memory, settings = self.host.memory, self.host.settings
        label = f'{{engine="0",model_name="{next(iter(self.host.catalog)).name}"}}'
        return _metrics(
            {
                f"vllm:num_requests_running{label}": float(memory.running),
                f"vllm:num_requests_waiting{label}": float(memory.waiting),
                f"vllm:kv_cache_usage_perc{label}": memory.running / settings.slots,
            }
        )


class LmStudio:
    """LM Studio's own API."""

    def __init__(self, host: "FakeHost") -> None:
        self.host = host

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/v1/models", self.models),
            web.post("/api/v1/models/load", self.load),
            web.post("/api/v1/models/unload", self.unload),
        ]

    async def models(self, request: web.Request) -> web.Response:
        """List all models and which are loaded."""
        return web.json_response({"models": [self._row(model) for model in self.host.catalog]})

    async def load(self, request: web.Request) -> web.Response:
        """Load a model."""
        body = await read_json(request)
        model = self.host.model(str(body.get("model") or ""))
        began = self.host.clock.now()
        await self.host.engine.load(Need(model))
        seconds = self.host.clock.since(began, self.host.settings.load_seconds)
        said = {"type": "llm", "instance_id": model.name, "status": "loaded"}
        return web.json_response({**said, "load_time_seconds": seconds})

    async def unload(self, request: web.Request) -> web.Response:
        """Let a model go."""
        body = await read_json(request)
        model = self.host.model(str(body.get("instance_id") or ""))
        self.host.memory.unload(model)
        return web.json_response({"instance_id": model.name})

    def _row(self, model: FakeModel) -> Json:
        runner = self.host.memory.holds(model)
        config = {"context_length": runner.context if runner else 0}
        row: Json = {
            "type": "embedding" if model.can("embedding") else "llm",
            "publisher": model.name.partition("/")[0],
            "key": model.name,
            "display_name": model.name,
            "architecture": model.family,
            "quantization": {"name": model.quantization, "bits_per_weight": 4},
            "size_bytes": model.size,
            "params_string": model.parameters,
            "loaded_instances": [{"id": model.name, "config": config}] if runner else [],
            "max_context_length": model.context_length,
            "format": "gguf",
        }
        if not model.can("embedding"):
            tools, vision = model.can("tools"), model.can("vision")
            row["capabilities"] = {"vision": vision, "trained_for_tool_use": tools}
        return row


def missing(flavour: Flavour, name: str) -> Refusal:
    """Return the refusal for a model a host does not have."""
    if flavour.native:
        return Refusal(404, f"model '{name}' not found")
    if flavour.key == "lmstudio":
        return Refusal(404, f'Model "{name}" not found. It may have been deleted.')
    return Refusal(404, f"The model `{name}` does not exist.")


def v1_error(flavour: Flavour, status: int, message: str) -> Json:
    """Return the body of an error under /v1."""
    if flavour.key == "llamacpp":
        kind = _LLAMA_TYPES.get(status, "invalid_request_error")
        return {"error": {"code": status, "message": message, "type": kind}}
    if flavour.key == "vllm":
        kind = _VLLM_TYPES.get(status, "InternalServerError")
        return {"error": {"message": message, "type": kind, "param": None, "code": status}}
    kind = "invalid_request_error" if status < 500 else "api_error"
    if flavour.native and status == 404:
        kind = "not_found_error"
    code = {401: "invalid_api_key", 404: "model_not_found"}.get(status)
    code = None if flavour.native else code
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def no_route(flavour: Flavour, status: int, request: web.Request) -> web.Response:
    """Answer a path or method the software does not know."""
    what = f"{request.method} {request.path}"
    if flavour.native:
        text = "404 page not found" if status == 404 else "405 method not allowed"
        return web.Response(status=status, text=text)
    if flavour.key == "lmstudio":  # with status 200, in all earnest
        return web.json_response({"error": f"Unexpected endpoint or method. ({what})"})
    if flavour.key == "vllm":
        detail = "Not Found" if status == 404 else "Method Not Allowed"
        return web.json_response({"detail": detail}, status=status)
    if flavour.key == "llamacpp":
        return web.json_response(v1_error(flavour, 404, "File Not Found"), status=404)
    said = v1_error(flavour, status, f"Invalid URL ({what})")
    said["error"]["code"] = None
    return web.json_response(said, status=status)


def _metrics(values: dict[str, float]) -> web.Response:
    lines = [f"{name} {value}\n" for name, value in values.items()]
    return web.Response(text="".join(lines), content_type="text/plain")
