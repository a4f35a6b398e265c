"""What a person says of recommendations is kept wherever the history is, is theirs alone, and can be erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import InvalidInput, NotFound, NotReady
from services.kit.transport import rpc
from services.pb import quality_pb2
from tests.integration.access.test_sharing import As
from tests.integration.access.test_sharing import call as ask
from tests.integration.calls import call, refused
from tests.integration.quality.test_quality_service import Client, client, keeper, serving
from tests.integration.stack import ProcessStack, segue
from tests.integration.team import TeamStack
from tests.patience import PATIENCE_S
from tests.unit.quality.collectors.test_collectors import write
from tests.unit.quality.collectors.test_public_projects import PY, commit, lcov

__all__ = ["client", "keeper"]
ROOT = Path(__file__).parents[3]
COVERAGE = "measure:test_coverage"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a commit."""
    write(tmp_path / "shop", "shop/cart.py", PY)
    commit(tmp_path / "shop")
    return tmp_path / "shop"


async def look(at: Client, shop: Path, **fields: Any) -> list[quality_pb2.Recommendation]:
    fields = {"label": "shop", "remember_shown": True} | fields
    return list((await at.check(shop, **fields)).report.recommendations)


async def ids(at: Client, shop: Path, **fields: Any) -> list[str]:
    return [each.id for each in await look(at, shop, **fields)]


async def say(
    to: Client, id: str, answer: str, project: str = "shop", **more: int
) -> quality_pb2.RecommendationStanding:
    request = quality_pb2.AnswerRecommendationRequest(project=project, id=id, answer=answer, **more)
    return await rpc.call(to.stub.AnswerRecommendation, request, user=to.user, timeout_s=PATIENCE_S)


async def erase(to: Client, project: str = "") -> int:
    request = quality_pb2.EraseRecommendationsRequest(project=project)
    answer = await rpc.call(to.stub.EraseRecommendations, request, user=to.user, timeout_s=PATIENCE_S)
    return int(answer.count)


async def move(to: Client, source: str, target: str) -> None:
    request = quality_pb2.MoveProjectRequest(source=source, target=target)
    await rpc.call(to.stub.MoveProject, request, user=to.user, timeout_s=PATIENCE_S)


async def test_what_was_refused_is_not_shown_again_to_that_person_in_that_project(keeper: Client, shop: Path) -> None:
    first, *others = await ids(keeper, shop)
    standing = await say(keeper, first, "never")
    assert (standing.answer, standing.HasField("until")) == ("never", False)
    shown = await ids(keeper, shop)
    assert first not in shown
    assert set(others) <= set(shown)
    assert first in await ids(Client(keeper.stub, "grace"), shop)
    assert first in await ids(keeper, shop, label="bank")
    await say(keeper, first, "undo")
    assert (await ids(keeper, shop))[0] == first


async def test_a_recorded_score_no_longer_says_what_was_refused(keeper: Client, shop: Path) -> None:
    await keeper.check(shop, project="shop", operation_id="first")
    before = (await keeper.history()).points[-1].summary
    first = (await look(keeper, shop))[0]
    assert before.endswith(f"Next: {first.text}")
    await say(keeper, first.id, "not_now", days=3)
    after = (await keeper.history()).points[-1].summary
    assert after == before.removesuffix(f" Next: {first.text}")
    report = (await keeper.check(shop, project="shop", operation_id="second")).report
    assert first.text not in report.summary
    assert (await keeper.history()).points[-1].summary == report.summary


async def test_answers_move_with_their_project_and_are_erased(keeper: Client, shop: Path) -> None:
    first, second, _ = await ids(keeper, shop)
    await say(keeper, first, "never")
    await say(Client(keeper.stub, "grace"), first, "never")
    await move(keeper, "shop", "store")
    assert first not in await ids(keeper, shop, label="store")
    assert await erase(keeper, "shop") == 0
    assert await erase(keeper, "store") >= 2
    assert first in await ids(keeper, shop, label="store")
    await say(keeper, second, "never", "bank")
    assert await erase(keeper) >= 1
    assert second in await ids(keeper, shop, label="bank")
    assert first not in await ids(Client(keeper.stub, "grace"), shop), "hers stay"


async def test_what_helped_others_is_said_only_among_those_who_share(keeper: Client, shop: Path) -> None:
    ada, grace = keeper, Client(keeper.stub, "grace")
    assert COVERAGE in await ids(ada, shop, shares=True)
    await ids(Client(keeper.stub, "eve"), shop)
    write(shop, "lcov.info", lcov("shop/cart.py", (1, 1)))
    for follower in (ada, Client(keeper.stub, "eve")):  # eve does not share
        assert COVERAGE not in await ids(follower, shop, shares=follower is ada)
    (shop / "lcov.info").unlink()
    shown = {each.id: list(each.why) for each in await look(grace, shop, shares=True)}
    assert "it helped 1 other in this project" in shown[COVERAGE]
    assert all("helped" not in str(each.why) for each in await look(grace, shop))
    assert all("helped" not in str(each.why) for each in await look(grace, shop, shares=True, label="bank"))
    assert "you followed it before" in str([each.why for each in await look(ada, shop)])
    await erase(ada)
    assert all("helped" not in str(each.why) for each in await look(grace, shop, shares=True))


async def test_a_check_that_only_looks_remembers_nothing(keeper: Client, shop: Path) -> None:
    await look(keeper, shop, remember_shown=False)
    request = quality_pb2.RecommendationsRequest(project="shop")
    known = await rpc.call(keeper.stub.Recommendations, request, user="ada", timeout_s=PATIENCE_S)
    assert not known.standings


async def test_what_nobody_recommends_is_refused(keeper: Client) -> None:
    with pytest.raises(NotFound):
        await say(keeper, "improve:everything", "done")
    for wrong in ("later", ""):
        with pytest.raises(InvalidInput):
            await say(keeper, "improve:lint", wrong)
    with pytest.raises(InvalidInput):
        await say(keeper, "improve:lint", "done", project=" ")
    with pytest.raises(InvalidInput):
        await say(keeper, "improve:lint", "never", days=3)


async def test_a_note_that_is_older_than_an_answer_changes_nothing(keeper: Client, shop: Path) -> None:
    first, *_ = await ids(keeper, shop)
    request = quality_pb2.RecommendationsRequest(project="shop")
    read = await rpc.call(keeper.stub.Recommendations, request, user="ada", timeout_s=PATIENCE_S)
    await say(keeper, first, "never")
    note = quality_pb2.NoteRecommendationsRequest(project="shop", standings=read.standings)
    await rpc.call(keeper.stub.NoteRecommendations, note, user="ada", timeout_s=PATIENCE_S)
    assert first not in await ids(keeper, shop)


async def test_learning_and_recommendations_can_be_switched_off(tmp_path: Path, shop: Path) -> None:
    async with serving(tmp_path, recommendations="learning") as client:
        first, *_ = await ids(client, shop)
        await say(client, first, "never")
    async with serving(tmp_path, recommendations="plain") as client:
        shown = await look(client, shop)
        assert [each.id for each in shown] == [""] * 3
        assert f"{shown[0].component}" in first
        with pytest.raises(NotReady):
            await say(client, first, "undo")
        assert await erase(client) >= 1, "what was answered before can still be erased"
    async with serving(tmp_path, recommendations="off") as client:
        report = (await client.check(shop, label="shop")).report
        assert not report.recommendations
        assert "Next:" not in report.summary


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("advice")) as stack:
        yield stack


async def test_the_tool_and_the_command_keep_an_answer(here: ProcessStack, shop: Path) -> None:
    begun = await call(here, "init", working_directory=str(shop))
    project = begun["project_context"]["name"]
    report = (await call(here, "quality_check", working_directory=str(shop)))["report"]
    first, second, _ = report["recommendation_details"]
    assert first["why"]
    assert f"; {first['id']})" in report["recommendations"][0]
    assert report["recommendations"] == begun["recommendations"]
    kept = await call(here, "answer_recommendation", id=first["id"], answer="not_now", days=9, project=project)
    assert kept["until"]
    said = segue(here, "advice", "never", second["id"], "--project", project)
    assert said.stdout == f"{second['id']} in {project}: never\n", said.stderr
    shown = (await call(here, "quality_check", working_directory=str(shop)))["report"]
    assert not {first["id"], second["id"]} & {each["id"] for each in shown["recommendation_details"]}
    listed = segue(here, "advice", "--project", project).stdout
    assert "you said not now on " in listed
    assert "you said never on " in listed
    segue(here, "advice", "undo", second["id"], "--project", project)
    assert second["id"] in str((await call(here, "quality_check", working_directory=str(shop)))["report"])
    wrong = await refused(here, "answer_recommendation", id="improve:x", answer="done", project=project)
    assert wrong == "NOT_FOUND"
    assert segue(here, "advice", "never").returncode == 2
    assert segue(here, "advice", "done", first["id"], "--days", "3").returncode == 2
    assert "Forgotten" in segue(here, "advice", "forget", "--project", project, "--yes").stdout
    assert segue(here, "advice", "--project", project).stderr.startswith("None was shown")


async def test_a_directory_names_its_project_and_an_unknown_one_says_so(
    here: ProcessStack, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "no project that is known" in segue(here, "advice").stderr
    await call(here, "init", working_directory=str(shop))
    assert segue(here, "advice", "done", "improve:lint").returncode == 0


@pytest.mark.slow
async def test_in_a_team_what_helped_is_counted_without_names(
    tmp_path: Path, model_directory: Path, shop: Path
) -> None:
    with TeamStack(tmp_path / "data", model_directory) as team:
        async with team.client("ann") as ann, team.client("bob") as bob:
            project = (await ask(ann, "init", working_directory=str(shop)))["project_context"]["name"]
            for each in (ann, bob):
                await ask(each, "store_conversation", content="The cart adds up.", project=project, shared=True)
            await ask(ann, "quality_check", working_directory=str(shop))
            write(shop, "lcov.info", lcov("shop/cart.py", (1, 1)))
            await ask(ann, "quality_check", working_directory=str(shop))
            (shop / "lcov.info").unlink()
            report = (await ask(bob, "quality_check", working_directory=str(shop)))["report"]
        assert "it helped 1 other in this project" in str(report["recommendation_details"])
        assert "ann" not in str(report["recommendation_details"])
        assert "helped" not in segue(As(team, "ann"), "advice", "--project", project).stdout
