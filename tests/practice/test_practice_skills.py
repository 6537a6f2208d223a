"""Does the practice server keep skills, and do skills make files there, as in the service?"""

from __future__ import annotations

import io
import re
import zipfile

import anthropic
import pytest

from claude_magic.practice.storage import bundle, office
from tests.practice.conftest import whole
from tests.uploads import CODE, Service, part, read

MD = "---\nname: greet\ndescription: Says hello in many languages.\n---\n# Greet\n"
OLD = {"anthropic_beta": "skills-2025-10-02"}
TABLE = "Make a spreadsheet of this table.\n\n| city | boats |\n|---|---|\n| Oslo | 3 |\n| Bergen | 12.5 |"


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def sdk(service):
    with service.sdk() as client:
        yield client


def sent(files):
    return [part("files[]", data, path) for path, data in files.items()]


def create(service, files=None, path="/v1/skills", *more, **headers):
    return service.form(path, *sent({"greet/SKILL.md": MD} if files is None else files), *more, **headers)


def zipped(files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for path, data in files.items():
            made.writestr(path, data)
    return held.getvalue()


def upload_zip(service, data):
    return service.form("/v1/skills", part("files[]", data, "greet.zip", "application/zip"))


def ask(*skills, **more):
    kinds = [{"type": "anthropic", "skill_id": s} if isinstance(s, str) else s for s in skills]
    return {"container": {"skills": kinds, **more}, "tools": [CODE]}


def say(service, prompt, **params):
    return service.say({"type": "text", "text": prompt}, **params)


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_the_prebuilt_skills_are_there_with_versions_by_date(service):
    found = service.get("/v1/skills", ("source", "anthropic"))["data"]
    assert {"xlsx", "pptx", "docx", "pdf"} == {skill["id"] for skill in found}
    assert {"20251013"} == {skill["latest_version_id"] for skill in found}
    assert {"type": "anthropic"} == found[0]["source"]
    assert "(practice)" in found[0]["display_name"]
    assert "20251013" == service.get("/v1/skills/xlsx/versions")["data"][0]["id"]


def test_a_folder_becomes_a_skill_named_by_its_front_matter(service):
    skill = create(service, {"any/SKILL.md": MD, "any/lib/x.py": "1"})
    assert {
        "id": "skill_practice_000001",
        "type": "skill",
        "display_name": "greet",
        "latest_version_id": "skver_practice_000001",
        "source": {"type": "custom"},
        "created_at": "1970-01-12T13:46:40Z",
        "updated_at": "1970-01-12T13:46:40Z",
    } == skill
    assert skill == service.get(f"/v1/skills/{skill['id']}")
    version = service.get(f"/v1/skills/{skill['id']}/versions/{skill['latest_version_id']}")
    assert ("greet", "Says hello in many languages.") == (version["name"], version["description"])
    assert ("skill_version", skill["id"]) == (version["type"], version["skill_id"])


def test_a_display_name_may_be_given_and_need_not_be_unique(service):
    named = part("display_name", "Greeter")
    names = [create(service, None, "/v1/skills", named)["display_name"] for _ in range(2)]
    assert ["Greeter", "Greeter"] == names
    for wrong in ("x" * 256, "", "two\nlines"):
        assert 400 == create(service, None, "/v1/skills", part("display_name", wrong))[0]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "files: Field required"),
        ({"SKILL.md": MD}, "files: All files must be in one top-level folder"),
        ({"a/SKILL.md": MD, "b/x": ""}, "files: All files must be in one top-level folder"),
        ({"a/x.md": MD}, "files: SKILL.md is not there"),
        ({"a/skill.md": MD}, "files: SKILL.md is not there"),
        ({"a/SKILL.md": MD, "a/../../x": ""}, "no path inside the skill's folder"),
        ({"/a/SKILL.md": MD}, "no path inside the skill's folder"),
        ({"c:/a/SKILL.md": MD}, "no path inside the skill's folder"),
        ({"a/SKILL.md": MD, "a\\\\x": ""}, "no path inside the skill's folder"),
        ({"a/SKILL.md": MD, "": ""}, "no path inside the skill's folder"),
        ({"a/SKILL.md": b"\xff"}, "SKILL.md: The file must be text in UTF-8"),
        ({"a/SKILL.md": "# Greet"}, "SKILL.md: The file must begin with YAML front matter"),
        ({"a/SKILL.md": "---\nname greet\n---\n"}, "SKILL.md: The front matter has a line that is no field"),
    ],
)
def test_what_is_no_skill_is_refused_with_the_reason(service, files, why):
    status, _, message = create(service, files)
    assert 400 == status
    assert why in message


@pytest.mark.parametrize(
    "name", ["Greet", "greet me", "grüß", "x" * 65, "my-claude-skill", "anthropic-x", "<b>"]
)
def test_a_name_that_is_not_allowed_is_refused(service, name):
    status, _, message = create(service, {"a/SKILL.md": MD.replace("greet", name)})
    assert 400 == status
    assert message.startswith("SKILL.md: name: ")


@pytest.mark.parametrize("description", ["", '""', "x" * 1025, "Uses <b>tags</b>."])
def test_a_description_that_is_not_allowed_is_refused(service, description):
    text = f"---\nname: greet\ndescription: {description}\n---\n"
    status, _, message = create(service, {"a/SKILL.md": text})
    assert 400 == status
    assert message.startswith("SKILL.md: description: ")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("Says hello. # not this", "Says hello."),
        ('"Says: \\"hello\\""', 'Says: "hello"'),
        ("'It''s hello'", "It's hello"),
        (">\n  Says\n  hello.", "Says hello."),
        ("|\n  Says\n  hello.", "Says\nhello."),
        ("Says\n  hello.", "Says hello."),
        ("Says hello.\nlicense: MIT\nmetadata:\n  version: 1\n# note", "Says hello."),
    ],
)
def test_a_description_may_be_written_in_the_ways_of_yaml(service, written, read_as):
    text = f"---\r\nname: 'greet'\r\ndescription: {written}\r\n---\r\nBody"
    skill = create(service, {"a/SKILL.md": "\ufeff" + text})
    assert read_as == service.get(f"/v1/skills/{skill['id']}/versions")["data"][0]["description"]


def test_a_skill_without_a_name_has_its_folders(service):
    assert "hello" == create(service, {"hello/SKILL.md": "---\ndescription: Hi.\n---\n"})["display_name"]


def test_more_than_thirty_megabytes_are_refused_also_when_packed(service):
    large = bytes(30 * 2**20 - len(MD))
    files = {"greet/SKILL.md": MD, "greet/zeros.bin": large}
    assert (
        "files: The skill is too large: its files must take less than 30 MB together"
        == create(service, files)[2]
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("greet/SKILL.md", MD)
        made.writestr("greet/zeros.bin", large)
    assert "less than 30 MB" in upload_zip(service, held.getvalue())[2]


def test_a_skill_may_have_hundreds_of_files(service):
    files = {"greet/SKILL.md": MD} | {f"greet/{n}.txt": f"{n}" for n in range(300)}
    skill = create(service, files)
    path = f"/v1/skills/{skill['id']}/versions/{skill['latest_version_id']}/content"
    assert files == unpacked(whole(service.send("GET", path)))


def test_a_zip_becomes_the_same_skill_as_its_folder(service):
    files = {"greet/SKILL.md": MD, "greet/a/b.txt": "B"}
    packed = upload_zip(service, zipped({"greet/": "", **files}))
    contents = []
    for skill in (packed, create(service, files)):
        path = f"/v1/skills/{skill['id']}/versions/{skill['latest_version_id']}/content"
        contents.append(whole(service.send("GET", path)))
    assert contents[0] == contents[1]
    assert files == unpacked(contents[0])


def test_a_bad_zip_is_refused(service):
    link = zipfile.ZipInfo("greet/link")
    link.external_attr = 0o120777 << 16
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr(link, "/etc/passwd")
    good = zipped({"greet/SKILL.md": MD, "greet/x": "x" * 1000})
    broken = good.replace(b"x" * 1000, b"y" * 1000)
    for data in (
        b"no zip",
        good[:-30],
        broken,
        held.getvalue(),
        zipped({}),
        zipped({"../greet/SKILL.md": MD}),
    ):
        status, _, message = upload_zip(service, data)
        assert 400 == status
        assert message.startswith("files: ")


def test_a_downloaded_version_is_a_zip_that_is_always_the_same(service):
    skill = create(service, {"sent/SKILL.md": MD, "sent/x.py": "1"})
    path = f"/v1/skills/{skill['id']}/versions/{skill['latest_version_id']}/content"
    first, second = (service.send("GET", path) for _ in range(2))
    assert {"greet/SKILL.md": MD, "greet/x.py": "1"} == unpacked(whole(first))
    assert whole(first) == whole(second)
    assert 'attachment; filename="greet.zip"' == first.headers["content-disposition"]


def test_a_version_is_a_whole_new_snapshot_under_the_same_name(service):
    skill = create(service, {"greet/SKILL.md": MD, "greet/old.txt": "old"})
    path = f"/v1/skills/{skill['id']}"
    service.now += 10
    other = create(service, {"greet/SKILL.md": MD.replace("greet", "other")}, f"{path}/versions")
    assert (400, "SKILL.md: name: 'other' is not the name of this skill, 'greet'") == (other[0], other[2])
    version = create(service, None, f"{path}/versions")
    now = service.get(path)
    assert version["id"] == now["latest_version_id"]
    assert ("1970-01-12T13:46:40Z", "1970-01-12T13:46:50Z") == (now["created_at"], now["updated_at"])
    content = whole(service.send("GET", f"{path}/versions/{version['id']}/content"))
    assert {"greet/SKILL.md": MD} == unpacked(content)
    listed = service.get(f"{path}/versions")["data"]
    assert [version["id"], skill["latest_version_id"]] == [v["id"] for v in listed]


def test_the_last_version_stays_until_the_skill_goes_with_all_of_them(service):
    skill = create(service)
    path, first = f"/v1/skills/{skill['id']}", skill["latest_version_id"]
    assert 400 == service.send("DELETE", f"{path}/versions/{first}").status
    second = create(service, None, f"{path}/versions")["id"]
    gone = read(service.send("DELETE", f"{path}/versions/{second}"))
    assert {"id": second, "type": "skill_version_deleted"} == gone
    assert first == service.get(path)["latest_version_id"]
    assert {"id": skill["id"], "type": "skill_deleted"} == read(service.send("DELETE", path))
    for missing in (path, f"{path}/versions", f"{path}/versions/{first}"):
        assert 404 == service.get(missing)[0]


def test_anthropics_skills_can_only_be_read(service):
    path = "/v1/skills/xlsx"
    assert 403 == service.send("DELETE", path).status
    assert 403 == service.send("DELETE", f"{path}/versions/20251013").status
    assert 403 == create(service, None, f"{path}/versions")[0]
    assert 403 == service.send("GET", f"{path}/versions/20251013/content").status


def test_skills_are_listed_by_source_newest_first(service):
    ids = [create(service)["id"] for _ in range(3)]
    assert ids[::-1] == [s["id"] for s in service.get("/v1/skills", ("source", "custom"))["data"]]
    assert ids[::-1] == [s["id"] for s in service.get("/v1/skills")["data"]][:3]
    assert 7 == len(service.get("/v1/skills")["data"])
    assert 400 == service.get("/v1/skills", ("source", "mine"))[0]


def test_the_old_beta_has_other_names_and_versions_by_their_time(service):
    skill = create(service, None, "/v1/skills", part("display_title", "Greeter"), **OLD)
    assert ("Greeter", "1000000000000", "custom") == (
        skill["display_title"],
        skill["latest_version"],
        skill["source"],
    )
    assert "display_name" not in skill
    path = f"/v1/skills/{skill['id']}"
    version = create(service, None, f"{path}/versions", **OLD)
    assert ("1000000000001", "greet") == (version["version"], version["directory"])
    assert service.get(f"{path}/versions", **OLD)["has_more"] is False
    assert version == service.get(f"{path}/versions/{version['version']}", **OLD)
    assert 404 == service.get(f"{path}/versions/{version['id']}", **OLD)[0]
    assert 404 == service.get(f"{path}/versions/{version['version']}")[0]


def test_the_old_beta_deletes_versions_before_their_skill(service):
    skill = create(service, **OLD)
    path = f"/v1/skills/{skill['id']}"
    assert 400 == service.send("DELETE", path, **OLD).status
    gone = read(service.send("DELETE", f"{path}/versions/{skill['latest_version']}", **OLD))
    assert {"id": skill["latest_version"], "type": "skill_version_deleted"} == gone
    assert service.get(path, **OLD)["latest_version"] is None
    assert 200 == service.send("DELETE", path, **OLD).status


def test_a_skill_needs_a_code_execution_tool(service):
    for asked in ({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, "container_1"):
        status, _, message = say(service, "Hello", container=asked)
        assert (400, "container: a code execution tool") == (status, message[:32])
    upload = {"type": "container_upload", "file_id": service.upload()["id"]}
    assert 400 == service.say(upload)[0]


@pytest.mark.parametrize(
    ("skill", "status"),
    [
        ({"type": "anthropic", "skill_id": "nothing"}, 404),
        ({"type": "custom", "skill_id": "xlsx"}, 404),
        ({"type": "anthropic", "skill_id": "xlsx", "version": "20200101"}, 404),
        ({"type": "mine", "skill_id": "xlsx"}, 400),
        ({"type": "anthropic"}, 400),
        ({"type": "anthropic", "skill_id": "xlsx", "extra": 1}, 400),
    ],
)
def test_a_skill_that_is_not_there_or_not_well_named_is_refused(service, skill, status):
    assert status == say(service, "Hello", **ask(skill))[0]


def test_a_call_takes_at_most_twenty_skills(service):
    assert "container" in say(service, "Hello", **ask(*["xlsx"] * 20))
    assert 400 == say(service, "Hello", **ask(*["xlsx"] * 21))[0]


def test_a_workbook_is_made_of_the_prompts_table_and_can_be_fetched(service):
    message = say(service, TABLE, **ask("xlsx"))
    ran, came, told = message["content"]
    assert ("server_tool_use", "bash_code_execution") == (ran["type"], ran["name"])
    assert ran["id"] == came["tool_use_id"]
    result = came["content"]
    assert ("bash_code_execution_result", 0, "") == (result["type"], result["return_code"], result["stderr"])
    output = result["content"][0]
    assert "bash_code_execution_output" == output["type"]
    assert told["text"].startswith("[practice] ") and output["file_id"] in told["text"]
    file = service.get(f"/v1/files/{output['file_id']}")
    assert ("practice.xlsx", True) == (file["filename"], file["downloadable"])
    data = whole(service.send("GET", f"/v1/files/{output['file_id']}/content"))
    assert file["size_bytes"] == len(data)
    sheet = unpacked(data)["xl/worksheets/sheet1.xml"]
    assert ["city", "boats", "Oslo", "Bergen"] == re.findall(r"<t [^>]*>(\w+)</t>", sheet)
    assert ["3", "12.5"] == re.findall(r"<c><v>([\d.]+)</v></c>", sheet)
    assert 'sheet name="practice"' in unpacked(data)["xl/workbook.xml"]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Write a PDF about harbours.", ["practice.pdf"]),
        ("Make slides and a spreadsheet about harbours.", ["practice.xlsx", "practice_2.pptx"]),
        ("Do something about harbours.", ["practice.xlsx"]),
    ],
)
def test_of_several_skills_those_are_used_that_the_prompt_speaks_of(service, prompt, names):
    say(service, prompt, **ask("xlsx", "docx", "pptx", "pdf"))
    assert names[::-1] == [file["filename"] for file in service.get("/v1/files")["data"]]


def test_a_container_is_told_of_and_can_be_used_again_until_it_expires(service):
    first = say(service, TABLE, **ask("xlsx"))["container"]
    skill = {"type": "anthropic", "skill_id": "xlsx", "version": "20251013"}
    assert {
        "id": "container_practice_000001",
        "expires_at": "1970-02-11T13:46:40Z",
        "skills": [skill],
    } == first
    service.now += 30 * 86_400 - 1
    assert first == say(service, TABLE, container=first["id"], tools=[CODE])["container"]
    assert [skill | {"skill_id": "pdf"}] == say(service, TABLE, **ask("pdf", id=first["id"]))["container"][
        "skills"
    ]
    service.now += 1
    assert 404 == say(service, TABLE, container=first["id"], tools=[CODE])[0]
    assert 404 == say(service, TABLE, container="container_nothing", tools=[CODE])[0]


def test_an_answer_without_a_container_tells_of_none(service):
    assert say(service, TABLE, tools=[CODE])["container"] is None


def test_a_custom_skill_is_read_by_code_in_the_version_asked_for(service):
    skill = create(service)
    newer = create(
        service, {"greet/SKILL.md": MD.replace("hello", "bye")}, f"/v1/skills/{skill['id']}/versions"
    )
    custom = {"type": "custom", "skill_id": skill["id"]}
    for version, word in (("latest", "bye"), (newer["id"], "bye"), (skill["latest_version_id"], "hello")):
        message = say(service, "Greet me.", **ask(custom | {"version": version}))
        assert f"[practice] greet: Says {word} in" in message["content"][1]["content"]["stdout"]
        pinned = newer["id"] if version == "latest" else version
        assert [custom | {"version": pinned}] == message["container"]["skills"]


def test_code_shows_the_head_of_an_uploaded_file(service):
    table = service.upload("sales.csv", "city,boats\nOslo,3\n")["id"]
    other = service.upload("raw.bin", b"\0\1")["id"]
    uploads = [{"type": "container_upload", "file_id": file_id} for file_id in (table, other)]
    message = service.say(*uploads, {"type": "text", "text": "What is in it?"}, tools=[CODE])
    outs = [b["content"]["stdout"] for b in message["content"] if b["type"].endswith("_tool_result")]
    assert ["[practice] city,boats\nOslo,3\n\n", "[practice] raw.bin is no text: 2 bytes\n"] == outs
    assert "sales.csv (text/csv, 18 bytes)" in message["content"][-1]["text"]
    assert message["container"]["skills"] is None


def test_no_code_runs_where_no_tool_may_or_tokens_are_out(service):
    params = ask("xlsx")
    assert ["text"] == [
        b["type"] for b in say(service, TABLE, **params, tool_choice={"type": "none"})["content"]
    ]
    short = say(service, TABLE, **params, max_tokens=5)
    assert ("max_tokens", []) == (short["stop_reason"], short["content"])


def test_a_turn_with_code_can_be_sent_back(service):
    message = say(service, TABLE, **ask("xlsx"))
    turns = [
        {"role": "user", "content": TABLE},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": "Thanks. Now as a PDF."},
    ]
    again = service.say(messages=turns, **ask("pdf", id=message["container"]["id"]))
    assert "practice_2.pdf" in again["content"][-1]["text"]


def test_every_kind_of_file_is_well_formed_whatever_the_text():
    import xml.etree.ElementTree as ElementTree

    odd = 'a\x00b <&> "(c)" \\ é € \ud83d \n]]>'
    paper = office.Paper(odd, [odd, "n"], [[odd, 1.5], [None, 2]])
    for kind in ("xlsx", "docx", "pptx"):
        for name, text in unpacked(office.WRITERS[kind](paper)).items():
            assert ElementTree.fromstring(text.encode()).tag, name
    data = office.pdf(paper)
    at = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", data)[1])
    places = [int(n) for n in re.findall(rb"^(\d{10}) 00000 n $", data[at:], re.MULTILINE)]
    assert [b"%d 0 obj" % n for n in range(1, 6)] == [data[p : p + 7] for p in places]
    length, stream = re.search(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", data, re.DOTALL).groups()
    assert int(length) == len(stream)


def test_a_bundle_is_found_by_what_is_in_it_not_by_who_packed_it():
    one = bundle.archive({"a/x": b"1"})
    assert one == bundle.archive({"a/x": b"1"})
    assert one != bundle.archive({"a/x": b"2"})


def test_the_official_sdk_drives_skills(service, sdk):
    folder = sdk.skills.create(
        files=[("greet/SKILL.md", MD.encode()), ("greet/x.py", b"1")], display_name="Hi"
    )
    packed = sdk.skills.create(files=[("greet.zip", zipped({"greet/SKILL.md": MD}), "application/zip")])
    pages = [*sdk.skills.list(limit=2).iter_pages()]
    assert [2, 2, 2] == [len(page.data) for page in pages]
    assert [packed.id, folder.id] == [skill.id for skill in sdk.skills.list(source="custom")]
    assert "Hi" == sdk.skills.retrieve(folder.id).display_name
    for _ in range(4):
        newest = sdk.skills.versions.create(folder.id, files=[("greet/SKILL.md", MD.encode())])
    pages = [*sdk.skills.versions.list(folder.id, limit=2).iter_pages()]
    assert (3, newest) == (len(pages), pages[0].data[0])
    assert newest == sdk.skills.versions.retrieve(newest.id, skill_id=folder.id)
    content = sdk.beta.skills.versions.download(folder.latest_version_id, skill_id=folder.id).read()
    assert {"greet/SKILL.md": MD, "greet/x.py": "1"} == unpacked(content)
    assert newest.id == sdk.skills.versions.delete(newest.id, skill_id=folder.id).id
    assert "skill_deleted" == sdk.skills.delete(folder.id).type
    with pytest.raises(anthropic.NotFoundError):
        sdk.skills.retrieve(folder.id)


def test_the_official_sdk_gets_a_made_file_from_an_answer_and_from_a_stream(service, sdk):
    asked = {
        "model": "claude-haiku-5-5",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": TABLE}],
    }
    plain = sdk.messages.create(**asked, **ask("xlsx"))
    with sdk.messages.stream(**asked, **ask("xlsx", id=plain.container.id)) as stream:
        streamed = stream.get_final_message()
    for message, name in ((plain, "practice.xlsx"), (streamed, "practice_2.xlsx")):
        ran, came, _ = message.content
        assert {"command": f"python make_xlsx.py {name}"} == ran.input
        file_id = came.content.content[0].file_id
        assert name == sdk.files.retrieve_metadata(file_id).filename
        assert "xl/workbook.xml" in unpacked(sdk.files.download(file_id).read())
    assert plain.container == streamed.container


def test_a_skill_that_is_not_there_cannot_be_deleted(sdk):
    for ask in (sdk.beta.skills.delete, sdk.beta.skills.retrieve):
        with pytest.raises(anthropic.NotFoundError, match="skill nope not found"):
            ask("nope")
