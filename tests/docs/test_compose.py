"""docker-compose.yml, judged without a container engine."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from controller.config import load_line
from controller.containers import secret_files
from controller.sinks.influx_settings import Settings
from tests.support import plain_yaml
from tests.support.container_commands import runs
from tests.support.documents import ROOT

LINE = ROOT / "controller" / "lines" / "pilot_containers"
SECRETS = "/run/dryline-secrets"
KEYS = frozenset(
    ("build", "cap_drop", "command", "cpus", "depends_on", "environment", "group_add",
     "healthcheck", "image", "init", "logging", "mem_limit", "network_mode", "networks",
     "pids_limit", "ports", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs",
     "user", "volumes")
)  # fmt: skip
ONE_SHOTS = ("secrets", "tokens")
LASTING = ("plant", "controller", "influxdb", "grafana", "screens")
FOREIGN = {"influxdb": r"influxdb:2\.7\.\d+", "grafana": r"grafana/grafana:\d+\.\d+\.\d+"}
RUNS = {
    "plant": "controller sim",
    "controller": "controller controller",
    "secrets": "controller.containers secrets",
    "tokens": "controller.containers tokens",
    "screens": "controller api",
}
# Variables that images of others understand, from their documents: a misspelt one does nothing.
KNOWN_VARIABLES = {
    "influxdb": {
        "DOCKER_INFLUXDB_INIT_MODE", "DOCKER_INFLUXDB_INIT_USERNAME",
        "DOCKER_INFLUXDB_INIT_PASSWORD_FILE", "DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE",
        "DOCKER_INFLUXDB_INIT_ORG", "DOCKER_INFLUXDB_INIT_BUCKET",
        "DOCKER_INFLUXDB_INIT_RETENTION", "INFLUXD_LOG_LEVEL", "INFLUXD_REPORTING_DISABLED",
    },
    "grafana": {
        "GF_SECURITY_ADMIN_USER", "GF_SECURITY_ADMIN_PASSWORD__FILE",
        "GF_SECURITY_DISABLE_GRAVATAR", "GF_USERS_ALLOW_SIGN_UP", "GF_AUTH_ANONYMOUS_ENABLED",
        "GF_ANALYTICS_REPORTING_ENABLED", "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "GF_NEWS_NEWS_FEED_ENABLED",
        "GF_PLUGINS_PREINSTALL_DISABLED", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH",
    },
}  # fmt: skip
DURATION = re.compile(r"\d+(ms|s|m|h)")


def compose() -> dict[str, Any]:
    return plain_yaml.read((ROOT / "docker-compose.yml").read_text())


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def environment(service: str) -> Mapping[str, str]:
    found: Mapping[str, str] = services()[service].get("environment", {})
    return found


each_service = pytest.mark.parametrize("name", [*LASTING, *ONE_SHOTS])


def test_these_are_all_services() -> None:
    assert set(services()) == {*LASTING, *ONE_SHOTS}
    assert compose().keys() == {"name", "services", "networks", "volumes"}


@each_service
def test_service_has_known_keys_only(name: str) -> None:
    assert services()[name].keys() <= KEYS


@each_service
def test_service_has_no_rights(name: str) -> None:
    service = services()[name]
    user, _, _ = service["user"].partition(":")
    assert int(user) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


@each_service
def test_service_has_limits(name: str) -> None:
    service = services()[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < float(service["cpus"]) <= 4
    assert int(service["pids_limit"]) <= 512
    assert service["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "10m", "max-file": "3"},
    }


@pytest.mark.parametrize("name", LASTING)
def test_lasting_service_is_checked_and_started_again(name: str) -> None:
    service = services()[name]
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert all(DURATION.fullmatch(check[key]) for key in ("interval", "timeout", "start_period"))
    assert service["restart"] == "unless-stopped"
    assert DURATION.fullmatch(service["stop_grace_period"])


@pytest.mark.parametrize("name", ONE_SHOTS)
def test_one_shot_ends_for_good(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "no"
    assert service["healthcheck"] == {"disable": True}


def test_ports_are_open_to_this_machine_only() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == 3
    for port in published:
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_images_are_pinned() -> None:
    for name, service in services().items():
        wanted = FOREIGN.get(name, r"dryline-\w+:\d+\.\d+\.\d+")
        assert re.fullmatch(wanted, service["image"]), service["image"]


def test_services_are_built_from_files_that_exist() -> None:
    for name, service in services().items():
        assert ("build" in service) == (name not in FOREIGN)
        if "build" in service:
            build = service["build"]
            assert (ROOT / build["context"] / build["dockerfile"]).is_file()
            folder = build["dockerfile"].partition("/")[0]
            assert service["image"].startswith(
                {"controller": "dryline-controller", "plc_sim": "dryline-plant"}.get(
                    folder, f"dryline-{folder}"
                )
            )


def test_commands_are_commands_of_ours() -> None:
    found = {n: runs(s["command"]) for n, s in services().items() if "command" in s}
    assert found == RUNS


def test_health_checks_are_commands_of_ours_or_of_the_image() -> None:
    for name in LASTING:
        words = services()[name]["healthcheck"]["test"][1:]
        if words[0] == "python":
            assert runs(words)
        else:
            assert (name, words[0]) in {("influxdb", "curl"), ("grafana", "wget")}


def test_health_check_of_the_controller_asks_where_it_serves() -> None:
    code = services()["controller"]["healthcheck"]["test"][3]
    config = load_line(LINE)
    assert config.metrics is not None
    assert f"{config.metrics.listen}/readyz" in code


def test_services_that_are_waited_for_exist_and_say_when() -> None:
    for service in services().values():
        for other, how in service.get("depends_on", {}).items():
            ends = other in ONE_SHOTS
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert how == {"condition": wanted}
            assert other in services()


def test_control_waits_for_no_database() -> None:
    waiting, seen = ["controller"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting += [n for n in services()[name].get("depends_on", {}) if n not in seen]
    assert seen == {"controller", "plant", "secrets"}


def test_nobody_waits_in_a_circle() -> None:
    left = {n: set(s.get("depends_on", {})) for n, s in services().items()}
    while left:
        free = [name for name, others in left.items() if not others & set(left)]
        assert free, left
        for name in free:
            del left[name]


def test_networks_and_volumes_are_declared_and_used() -> None:
    networks, volumes = set(), set()
    for service in services().values():
        assert ("networks" in service) != ("network_mode" in service)
        networks.update(service.get("networks", []))
        volumes.update(v.split(":")[0] for v in service.get("volumes", []) if v[0] != ".")
    assert networks == set(compose()["networks"])
    assert volumes == set(compose()["volumes"])


def test_mounted_folders_exist_and_stay_as_they_are() -> None:
    mounts = [v for s in services().values() for v in s.get("volumes", []) if v[0] == "."]
    assert len(mounts) == 4
    for mount in mounts:
        source, _, *mode = mount.split(":")
        assert (ROOT / source).is_dir()
        # Only the API may write recipes: drafts, and the ledger of what was released.
        assert mode == ["ro"] or (source, mount in services()["screens"]["volumes"]) == (
            "./recipes", True,
        )  # fmt: skip


def test_the_screens_reach_the_line_by_its_run_folder_only() -> None:
    screens = services()["screens"]
    assert screens["networks"] == ["screens"]
    assert "run:/run/dryline" in screens["volumes"]
    others = [s for n, s in services().items() if n != "screens"]
    assert not any("screens" in s.get("networks", []) for s in others)
    api = load_line(LINE).api
    assert api.tls
    assert api.listen.endswith(":8040")
    assert "127.0.0.1:8040:8040" in screens["ports"]


def test_no_secret_stands_in_the_file() -> None:
    for service in services():
        for name, value in environment(service).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name):
                assert name.endswith("_FILE"), name
                assert str(value).startswith(SECRETS), value
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"[0-9a-fA-F]{16,}|[A-Za-z0-9+/]{40,}", text)


@pytest.mark.parametrize("name", KNOWN_VARIABLES)
def test_variables_are_known_to_the_image(name: str) -> None:
    assert set(environment(name)) <= KNOWN_VARIABLES[name]


def test_variables_of_the_file_have_defaults() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == {"DRYLINE_SPEED", "DRYLINE_KEEP"}
    assert len(re.findall(r"\$\{\w+:-\w+\}", text)) == text.count("$")


# -- secrets -----------------------------------------------------------------------------------


def readers() -> dict[str, str]:
    """Service by the file of a secret that it names."""
    settings = load_line(LINE).sinks[0].settings
    assert isinstance(settings, Settings)
    named = {settings.token_file: "controller"}
    for service in ("influxdb", "grafana"):
        for value in environment(service).values():
            if str(value).startswith(SECRETS):
                named[value] = service
    source = (ROOT / "hmi/grafana/provisioning/datasources/influxdb.yml").read_text()
    for path in re.findall(r"\$__file\{([^}]+)\}", source):
        named[path] = "grafana"
    return named


def test_every_secret_has_one_reader_who_is_in_its_group() -> None:
    groups = {
        f"{SECRETS}/{s.name}": s.group
        for s in (*secret_files.RANDOM, secret_files.READ_TOKEN, secret_files.WRITE_TOKEN)
    }
    assert set(readers()) == set(groups)
    for path, name in readers().items():
        service = services()[name]
        assert service["group_add"] == [str(groups[path])]
        assert f"secrets:{SECRETS}:ro" in service["volumes"]


def test_only_who_makes_secrets_may_write_them() -> None:
    makers = [n for n, s in services().items() if f"secrets:{SECRETS}" in s.get("volumes", [])]
    assert makers == ["secrets", "tokens"]
    groups = sorted(str(g) for g in (10011, 10012, 10013))
    for name in makers:
        service = services()[name]
        assert service["group_add"] == groups
        assert service["user"] == "10002:10002"
        assert SECRETS in service["command"]
    users = [s["user"] for n, s in services().items() if n not in makers]
    assert not any(user.startswith("10002") for user in users)
    assert services()["secrets"]["network_mode"] == "none"


def test_plant_and_screens_see_no_secrets() -> None:
    for name in ("plant", "screens"):
        assert not any("secrets" in v for v in services()[name].get("volumes", []))
        assert "group_add" not in services()[name]


# -- the line ----------------------------------------------------------------------------------


def test_line_of_the_containers_is_the_pilot_line_with_a_sink() -> None:
    pilot, contained = load_line(ROOT / "controller/lines/pilot"), load_line(LINE)
    assert contained.stations == pilot.stations
    assert contained.history == pilot.history
    assert (contained.name, contained.map_version) == (pilot.name, pilot.map_version)
    assert (LINE / "io_list.csv").samefile(ROOT / "controller/lines/pilot/io_list.csv")


def test_sink_database_and_tokens_agree() -> None:
    settings = load_line(LINE).sinks[0].settings
    assert isinstance(settings, Settings)
    database = environment("influxdb")
    assert settings.org == database["DOCKER_INFLUXDB_INIT_ORG"]
    assert settings.bucket == database["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert settings.url == "http://influxdb:8086"
    command = services()["tokens"]["command"]
    assert command[-5:] == [settings.url, "--org", settings.org, "--bucket", settings.bucket]


def test_controller_shares_the_network_of_the_plant_and_waits_for_it() -> None:
    controller = services()["controller"]
    assert controller["network_mode"] == "service:plant"
    assert controller["depends_on"]["plant"] == {"condition": "service_healthy"}
    line = controller["command"][controller["command"].index("--line") + 1]
    assert ROOT / line == LINE


# -- the reader of the file ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    ["a: &x b\n", "a: [1, 2]\n", "a:\n\tb: c\n", "a: b\na: c\n", "a: no\n", "a: 12:30\n",
     "a: b: c\n", "a:\n   b: c\n", "a: |\n  text\n", 'a: "open\n', "- a\n", "a: 'b'\n"],
)  # fmt: skip
def test_yaml_reader_refuses(bad: str) -> None:
    with pytest.raises(plain_yaml.YamlError):
        plain_yaml.read(bad)


def test_yaml_reader_reads_what_it_accepts() -> None:
    text = '# c\na:\n  b: "1"\n  c:\n    - x:y\n    - -m\nd: true\ne:\n'
    assert plain_yaml.read(text) == {
        "a": {"b": "1", "c": ["x:y", "-m"]},
        "d": True,
        "e": None,
    }
