# SPDX-License-Identifier: Apache-2.0
"""`joulepath rules check --ioam --tag`: ids of the topology and of both exporters' files are the same ones."""

from pathlib import Path

import pytest

from joulepath.cli import main

pytestmark = pytest.mark.unit

CAMERA, ROBOT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b700f067aa0ba902b7"

TOPOLOGY = f"""
sites: {{lab: {{}}}}
hosts:
  edge: {{site: lab, power: [{{watts: 100}}]}}
  mast: {{site: lab, power: [{{watts: 50}}]}}
components:
  upf: {{role: upf, host: edge, traffic: {{ioam: 4}}}}
  ru: {{role: ru, host: mast, traffic: {{anchor: upf}}}}
applications:
  camera: {{traces: [{{ioam_namespace: 123, id: "{CAMERA}"}}], path: [ru, upf]}}
  robot: {{traces: [{{ioam_namespace: 123, id: "{ROBOT}"}}], path: [upf]}}
"""
IOAM = f"""
nodes: [{{node_id: 4, interfaces: {{eth0: uplink}}}}]
namespaces:
  123: {{ids: ["{CAMERA.upper()}", "{ROBOT}"]}}
"""
TAG = f"""
interfaces: [eth0]
flows:
  camera: {{ioam_namespace: 123, id: "{CAMERA.upper()}", protocol: udp}}
  robot: {{ioam_namespace: 123, id: "{ROBOT}", protocol: tcp}}
"""


class Files:
    """The three files, which agree until one is changed, and the check of them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self._texts = {"topology": TOPOLOGY, "ioam": IOAM, "tag": TAG}

    def change(self, name: str, old: str, new: str) -> None:
        assert old in self._texts[name]
        self._texts[name] = self._texts[name].replace(old, new)

    def check(self, *given: str) -> tuple[int, list[str]]:
        """The exit code, and the lines about ids, without the folder."""
        words = ["rules", "check", str(self.folder / "topology.yaml")]
        for name, text in self._texts.items():
            (self.folder / f"{name}.yaml").write_text(text)
        for name in given:
            words += [f"--{name}", str(self.folder / f"{name}.yaml")]
        code = main(words)
        captured = self._capsys.readouterr()
        lines = (captured.out + captured.err).replace(f"{self.folder}/", "").splitlines()
        return code, [line.removeprefix("joulepath rules: ") for line in lines if "promtool" not in line]


@pytest.fixture
def files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Files:
    return Files(tmp_path, capsys)


@pytest.mark.parametrize("given", [("ioam",), ("tag",), ("ioam", "tag")])
def test_files_with_the_same_ids_are_accepted_in_silence(files: Files, given: tuple[str, ...]) -> None:
    assert files.check(*given) == (0, [])


NEAR = CAMERA.replace("4bf9", "4bf8")
HALF = CAMERA[:16]


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        (
            "tag",
            CAMERA.upper(),
            NEAR,
            (
                f"tag.yaml: flows.camera.id: no application in topology.yaml has trace {NEAR} of namespace 123 "
                f"(did you mean {CAMERA}?)"
            ),
        ),
        (
            "tag",
            "robot: {ioam_namespace: 123",
            "robot: {ioam_namespace: 124",
            (
                f"tag.yaml: flows.robot.ioam_namespace: trace {ROBOT} of application 'robot' has 123 in topology.yaml, "
                "and 124 here"
            ),
        ),
        (
            "tag",
            f'"{ROBOT}"',
            f'"{CAMERA}"',
            (
                "tag.yaml: flows.robot.id: is that of application 'camera' in topology.yaml, and the flow is called "
                "'robot'"
            ),
        ),
        (
            "ioam",
            "node_id: 4",
            "node_id: 5",
            "topology.yaml: components.upf.traffic.ioam: no file counts node 4: ioam.yaml has 5",
        ),
        (
            "ioam",
            CAMERA.upper(),
            NEAR,
            (
                f"ioam.yaml: namespaces.123: `ids` lacks trace {CAMERA} of application 'camera' (did you mean {NEAR}?)"
                "; it passes 'upf'"
            ),
        ),
        (
            "ioam",
            "123: {",
            "124: {",
            (
                f"ioam.yaml: namespaces.123: is missing, and with it trace {CAMERA} of application 'camera': "
                "the file has 124; it passes 'upf'"
            ),
        ),
        (
            "ioam",
            f'{{ids: ["{CAMERA.upper()}", "{ROBOT}"]}}',
            f'{{key: {{prefix: 64}}, ids: ["{HALF}", "{ROBOT[:16]}"]}}',
            (
                f"ioam.yaml: namespaces.123: counts by the first 16 digits of an id, and trace {CAMERA} of application "
                "'camera' has 32; it passes 'upf'"
            ),
        ),
        (
            "ioam",
            f'{{ids: ["{CAMERA.upper()}", "{ROBOT}"]}}',
            "{key: namespace}",
            (
                f"ioam.yaml: namespaces.123: counts all packets of the namespace as `all`, and not trace {CAMERA} of "
                "application 'camera'; it passes 'upf'"
            ),
        ),
        (
            "topology",
            f'"{CAMERA}"',
            '"all"',
            (
                "ioam.yaml: namespaces.123: tells ids apart, but trace all of application 'camera' stands for all of "
                "them: write `key: namespace`; it passes 'upf'"
            ),
        ),
    ],
)
def test_a_wrong_id_is_an_error_that_names_the_key(files: Files, name: str, old: str, new: str, line: str) -> None:
    files.change(name, old, new)
    code, lines = files.check("tag" if name == "tag" else "ioam")
    assert code == 2
    assert lines[0] == line
    assert not any(one.startswith("warning") for one in lines)  # a wrong id is also unused: one cause, told once


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        (
            "tag",
            f'  robot: {{ioam_namespace: 123, id: "{ROBOT}", protocol: tcp}}\n',
            "",
            (
                "warning: topology.yaml: applications.robot.traces[0]: no flow in tag.yaml has its id: right where the "
                "application adds the trace by itself"
            ),
        ),
        (
            "topology",
            f'  robot: {{traces: [{{ioam_namespace: 123, id: "{ROBOT}"}}], path: [upf]}}\n',
            "",
            f"warning: ioam.yaml: namespaces.123.ids: no application in topology.yaml has trace {ROBOT}",
        ),
        (
            "ioam",
            "nodes: [",
            "nodes: [{node_id: 9, interfaces: {eth9: uplink}}, ",
            (
                "warning: ioam.yaml: nodes[0].node_id: no component in topology.yaml has node 9, but 4: these counts "
                "are not used"
            ),
        ),
    ],
)
def test_an_id_without_use_is_a_warning_alone(files: Files, name: str, old: str, new: str, line: str) -> None:
    files.change(name, old, new)
    assert files.check("tag" if name == "tag" else "ioam") == (0, [line])


def test_a_trace_need_not_be_listed_where_it_does_not_pass(files: Files) -> None:
    """The exporter at the UPF counts both; one at the mast would count the camera alone."""
    files.change("topology", "{anchor: upf}", "{ioam: 7}")
    files.change("ioam", "node_id: 4", "node_id: 7")
    files.change("ioam", f', "{ROBOT}"', "")
    code, lines = files.check("ioam")
    assert lines == ["topology.yaml: components.upf.traffic.ioam: no file counts node 4: ioam.yaml has 7"]
    assert code == 2


def test_an_exporter_that_admits_any_id_need_not_list_them(files: Files) -> None:
    files.change("ioam", f'"{CAMERA.upper()}", "{ROBOT}"', "")
    files.change("ioam", "namespaces:", "admit: any\nnamespaces:")
    assert files.check("ioam") == (0, [])


def test_a_short_id_stands_for_all_that_begin_with_it(files: Files) -> None:
    files.change("topology", f'"{CAMERA}"', f'"{HALF}"')
    files.change("topology", f'"{ROBOT}"', f'"{ROBOT[:16]}"')
    files.change(
        "ioam", f'{{ids: ["{CAMERA.upper()}", "{ROBOT}"]}}', f'{{key: {{prefix: 64}}, ids: ["{HALF}", "{ROBOT[:16]}"]}}'
    )
    assert files.check("ioam", "tag") == (0, [])


def test_an_id_that_a_program_writes_is_not_missed(files: Files) -> None:
    files.change("tag", f'id: "{ROBOT}"', "id_file: /run/robot/id")
    assert files.check("tag") == (0, [])


def test_the_files_of_all_hosts_are_looked_at_together(files: Files) -> None:
    (files.folder / "mast.yaml").write_text("nodes: [{node_id: 7, interfaces: {eth0: uplink}}]\nadmit: any\n")
    files.change("topology", "{anchor: upf}", "{ioam: 7}")
    code, lines = files.check("ioam")
    assert (code, lines) == (2, ["topology.yaml: components.ru.traffic.ioam: no file counts node 7: ioam.yaml has 4"])
    words = [str(files.folder / f"{name}.yaml") for name in ("topology", "ioam", "mast")]
    assert main(["rules", "check", words[0], "--ioam", words[1], "--ioam", words[2]]) == 0
    assert main(["rules", "check", "--ioam", words[1], "--ioam", words[2], words[0]]) == 0


def test_a_mistake_in_the_exporters_own_file_is_named(files: Files) -> None:
    files.change("ioam", "node_id: 4", "node_id: four")
    code, lines = files.check("ioam")
    assert code == 2
    assert lines == ["ioam.yaml: nodes[0].node_id: must be a valid integer"]


@pytest.fixture
def flows(files: Files) -> Files:
    """The camera is known by a flow and has no trace."""
    files.change("topology", f'traces: [{{ioam_namespace: 123, id: "{CAMERA}"}}]', "flows: [camera-v4]")
    files.change("ioam", f'"{CAMERA.upper()}", ', "")
    files.change("ioam", "namespaces:", "flows: {camera-v4: {ue: 10.45.0.0/24, ports: 554}}\nnamespaces:")
    return files


LACKS = "lacks flow camera-v4 of application 'camera'"


def test_flows_of_both_files_are_accepted_in_silence(flows: Files) -> None:
    assert flows.check("ioam") == (0, [])


def test_a_flow_that_no_node_counts_is_an_error_with_its_name(flows: Files) -> None:
    flows.change("ioam", "camera-v4: {", "camera-ipv4: {")
    line = f"ioam.yaml: flows: {LACKS} (did you mean camera-ipv4?); it passes 'upf'"
    assert flows.check("ioam") == (2, [line])


@pytest.mark.parametrize("more", ["", "flows_file: sessions.yaml\n"])
def test_a_trace_beside_flows_has_to_be_listed(flows: Files, more: str) -> None:
    """With `admit: any` it would have a label all the same, and be in a flow, too."""
    flows.change("ioam", "namespaces:", f"admit: any\n{more}namespaces:")
    flows.change("ioam", f'"{ROBOT}"', "")
    line = f"list trace {ROBOT} of application 'robot' in `ids`: its packets count for a flow that fits them, too"
    assert flows.check("ioam")[1][0] == f"warning: ioam.yaml: namespaces.123: {line}"
    flows.change("ioam", "123: {ids: []}", "9: {ids: [aa]}")
    assert flows.check("ioam")[1][0] == f"warning: ioam.yaml: namespaces.123: {line}"


def test_a_flow_without_an_application_is_a_warning_alone(flows: Files) -> None:
    flows.change(
        "ioam", "{ue: 10.45.0.0/24, ports: 554}}", "{ue: 10.45.0.0/24, ports: 554}, robot-v4: {ue: 10.46.0.0/24}}"
    )
    line = "warning: ioam.yaml: flows.robot-v4: no application in topology.yaml has flow robot-v4"
    assert flows.check("ioam") == (0, [line])


def test_a_flow_may_come_from_the_file_of_a_session_manager(flows: Files) -> None:
    """While that file is not here or lacks it, a warning says that it may come; a mistake in it is told."""
    flows.change("ioam", "flows: {camera-v4: {ue: 10.45.0.0/24, ports: 554}}", "flows_file: sessions.yaml")
    line = f"warning: ioam.yaml: flows_file: {LACKS}: right if sessions.yaml gets it; it passes 'upf'"
    assert flows.check("ioam") == (0, [line])
    sessions = flows.folder / "sessions.yaml"
    sessions.write_text("flows: {camera: {ue: 10.45.0.7}}")
    assert flows.check("ioam") == (0, [line.replace("'camera':", "'camera' (did you mean camera?):")])
    sessions.write_text("flows: {camera-v4: {ue: 10.45.0.7}}")
    assert flows.check("ioam") == (0, [])
    sessions.write_text("flows: {camera-v4: {ue: somewhere}}")
    code, lines = flows.check("ioam")
    assert code == 2
    assert all(each.startswith("sessions.yaml: flows.camera-v4") for each in lines)
