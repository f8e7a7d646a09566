"""Boot settings. The environment is read here and nowhere else; tunables are `core.Setting` rows.

Nothing is needed to start: state lives under var/ (WHOOSH_VAR moves it), SQLite is the default
database, and missing secrets are made on first use with mode 0600.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from whoosh_site import env
from whoosh_site.core.addresses import allowed

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(env.text("WHOOSH_VAR") or ROOT / "var").expanduser().resolve()
os.umask(0o077)  # database, keys, logs: whatever is written is its owner's alone
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)

# --- Secrets and hosts -----------------------------------------------------------------------
DEBUG = env.flag("WHOOSH_DEBUG")
SECRET_KEY = env.secret("WHOOSH_SECRET_KEY", VAR / "secret.key")
FIELD_KEYS_FILE = Path(env.text("WHOOSH_FIELD_KEYS_FILE") or VAR / "field.keys")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env.names("WHOOSH_ALLOWED_HOSTS")]
BASE_URL = env.origin("WHOOSH_BASE_URL")
if BASE_URL:
    ALLOWED_HOSTS.append(env.bracketed(urlsplit(BASE_URL).hostname or ""))
# Private addresses that workflows may reach all the same.
HTTP_ALLOW = env.each("WHOOSH_HTTP_ALLOW", allowed)
# "web" in the ASGI server: it opens a database connection per request thread.
PROCESS = env.text("WHOOSH_PROCESS", "command")

# --- Applications ----------------------------------------------------------------------------
INSTALLED_APPS = [
    "whoosh_site.core.apps.CoreConfig",
    "agents.apps.AgentsConfig",
    "workflows.apps.WorkflowsConfig",
    "projects.apps.ProjectsConfig",
    "whoosh_site.core.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_filters",
    "django_htmx",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "template_partials",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whoosh_site.core.middleware.PolicyHeaders",
    "whoosh_site.core.middleware.NoNulls",
    "whoosh_site.core.middleware.PlainForms",
    "whoosh_site.core.middleware.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "whoosh_site.core.middleware.SessionTimeout",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "whoosh_site.core.middleware.PageErrors",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "whoosh_site.urls"
ASGI_APPLICATION = "whoosh_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "whoosh_site.core.context.shell",
            ],
        },
    }
]

# --- Database --------------------------------------------------------------------------------
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; "
    "PRAGMA cache_size=-16000; PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=67108864"
)
_own = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(VAR / "whoosh.sqlite3")}
_url = env.text("DATABASE_URL")
DATABASES = {"default": dj_database_url.parse(_url) if _url else _own}
_database = DATABASES["default"]
_database["ATOMIC_REQUESTS"] = False
# A request thread of the web process ends with its request; its connection must end with it.
_database["CONN_MAX_AGE"] = 0 if PROCESS == "web" else None
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": SQLITE_PRAGMAS,
    }
    _database["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database["CONN_HEALTH_CHECKS"] = True
    # A server that is gone without a word is noticed in seconds; the URL's own parameters win.
    _patience = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 15}
    _database["OPTIONS"] = _patience | _database.get("OPTIONS", {})
    if PROCESS == "web":
        _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 20, "timeout": 10}
else:
    raise env.EnvError("DATABASE_URL: only sqlite:// and postgres:// are supported")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache -----------------------------------------------------------------------------------
REDIS_URL = env.text("REDIS_URL")
if REDIS_URL:
    _cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
else:
    _cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "whoosh"}
    _cache["OPTIONS"] = {"MAX_ENTRIES": 100_000}  # the API's counters are not culled
CACHES = {"default": _cache | {"KEY_PREFIX": "whoosh"}}

# --- Workers ---------------------------------------------------------------------------------
# Every figure here is measured in docs/developer/execution.md.
Q_CLUSTER = {
    "name": "whoosh",
    "broker_class": "whoosh_site.core.broker.Broker",
    "orm": "default",
    "workers": 2,
    "bulk": 20,
    "queue_limit": 40,
    "poll": 0.2,
    "save_limit": -1,
    "recycle": 500,
    "timeout": 240,
    "retry": 300,
    "max_attempts": 3,
    "guard_cycle": 0.5,
    "catch_up": False,
    "log_level": "WARNING",
    "label": "Background jobs",
    "ALT_CLUSTERS": {
        "runner": {
            "workers": 1,
            "bulk": 1,
            "queue_limit": 1,
            "timeout": 7000,
            "retry": 7200,
            "recycle": 1,
            "log_level": "WARNING",
        },
    },
}

# --- Workflows -------------------------------------------------------------------------------
FILE_ROOTS = env.names("WHOOSH_FILE_ROOTS")

# --- People ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["whoosh_site.core.auth.NameOrEmailBackend"]
_VALIDATORS = "django.contrib.auth.password_validation."
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATORS}UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATORS}MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{_VALIDATORS}CommonPasswordValidator"},
    {"NAME": f"{_VALIDATORS}NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"

# --- Browser safety --------------------------------------------------------------------------
_tls = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _tls
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL else []
CSRF_FAILURE_VIEW = "whoosh_site.core.views.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if _tls else None  # ignored on plain HTTP
X_FRAME_OPTIONS = "DENY"
if _tls:
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# --- API -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "whoosh_site.core.auth.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["whoosh_site.core.rest_policy.Body"],
    "DEFAULT_PAGINATION_CLASS": "whoosh_site.core.rest_policy.Pages",
    "DEFAULT_FILTER_BACKENDS": ["whoosh_site.core.rest_policy.DeclaredFilters"],
    "DEFAULT_THROTTLE_CLASSES": ["whoosh_site.core.rest_policy.CallerThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "whoosh_site.core.rest_policy.explain",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "WHOOSH",
    "DESCRIPTION": "Hosts, models, calls, tasks, workflows, people and settings of one WHOOSH.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "TeamRole": "whoosh_site.core.models.people.Role",
        "CallState": "agents.models.calls.Call.State",
        "DiscoveryState": "agents.models.arrivals.Discovery.State",
        "JoinState": "agents.models.arrivals.JoinRequest.State",
        "MessageRole": ["system", "user", "assistant", "tool"],
        "CallSource": "agents.models.calls.Call.Source",
        "TaskState": "projects.models.tasks.Task.State",
        "TaskSource": "projects.models.tasks.Task.Source",
        "AttemptState": "projects.models.tasks.Attempt.State",
        "SameName": ["copy", "version"],
        "ExecutionStatus": "workflows.models.executions.Execution.State",
        "ExecutionSource": "workflows.models.executions.Execution.Source",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "whoosh_site.core.openapi.tell_errors",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

# --- Time, files, logs -----------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whoosh_site.core.staticfiles.Storage"},
}
MEDIA_ROOT = VAR / "files"
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "DEBUG" if DEBUG else "INFO"},
    "loggers": {
        "django.db.backends": {"level": "INFO"},
        "asyncio": {"level": "WARNING"},
        "django-q": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
    },
}
