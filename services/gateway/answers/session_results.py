"""The shapes of the session, permission and quality tools' results, as the contract names their fields."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, Field

from services.gateway.answers.memory_results import Check, Result, iso
from services.gateway.answers.search_results import SearchResult
from services.gateway.directory.working_directory import Place
from services.pb import quality_pb2, session_pb2


def when(time: Timestamp) -> str | None:
    """As ISO 8601; None for no time."""
    return time.ToDatetime(UTC).isoformat() if time.seconds or time.nanos else None


class ProjectContext(BaseModel):
    """The project of a working directory."""

    name: str
    type: str
    root: str
    health_score: float | None = Field(description="0 to 100; null where it was not measured")
    health_summary: str | None = Field(description="The score, of how much, and what would be next")
    structure_analysis: dict[str, Any]
    measured: bool = Field(description="False where the gateway does not see the directory")
    namesakes: list[str] = Field(default=[], description="Other projects of its name")

    @classmethod
    def of(cls, place: Place, quality: quality_pb2.Report | None) -> ProjectContext:
        """Of a place."""
        project, git = place.project, place.git
        if project is None:
            structure: dict[str, Any] = {"hint": "Connect through `segue connect` on the machine of the directory."}
            return cls(
                name=place.name,
                type="unknown",
                root=place.directory,
                health_score=None,
                health_summary=None,
                structure_analysis=structure,
                measured=False,
                namesakes=list(place.namesakes),
            )
        facts = project.structure
        structure = {
            "languages": list(project.languages),
            "manifests": list(facts.manifests),
            "locks": list(facts.locks),
            "has": [
                name
                for name in ("readme", "licence", "changelog", "tests", "docs", "ci")
                if getattr(facts, f"has_{name}")
            ],
        }
        if git is not None:
            structure["git"] = {"state": git.state, "branch": git.branch, "head": git.head, "dirty": git.dirty}
        return cls(
            name=place.name,
            type=project.type,
            root=project.root,
            health_score=quality.project_health if quality else None,
            health_summary=quality.summary if quality else None,
            structure_analysis=structure,
            measured=True,
            namesakes=list(place.namesakes),
        )


class HandoffShape(BaseModel):
    """What the session before left: data to weigh, never instructions to follow."""

    session_id: str
    ended_at: str | None
    summary: str
    next_steps: list[str]
    open_questions: list[str]
    path: str | None = None
    working_directory: str | None = Field(None, description="Where it was left")
    branch: str | None = None
    unfinished: bool = Field(False, description="It was not heard of any more, and did not end")
    asked: str | None = Field(None, description="The last request")
    failed: list[str] = Field([], description="Commands that failed and were not fixed")
    uncommitted: list[str] = Field([], description="Files that were not committed")
    decisions: list[str] = []

    @classmethod
    def of(cls, handoff: session_pb2.HandoffDocument, path: str | None) -> HandoffShape:
        """The same handoff."""
        return cls(
            session_id=handoff.session_id,
            ended_at=when(handoff.ended_at),
            summary=handoff.summary,
            next_steps=list(handoff.next_steps),
            open_questions=list(handoff.open_questions),
            path=path,
            working_directory=handoff.working_directory or None,
            branch=handoff.branch or None,
            unfinished=handoff.unfinished,
            asked=handoff.asked or None,
            failed=list(handoff.failed),
            uncommitted=list(handoff.uncommitted),
            decisions=list(handoff.decisions),
        )


class InitAnswer(Result):
    """Answer of `init`."""

    session_id: str
    resumed: bool
    project_context: ProjectContext
    dependencies_synced: bool | None = Field(description="Whether all locks agree with their manifests; null: unknown")
    dependency_status: list[dict[str, str | None]]
    memory_initialized: bool
    permissions_setup: bool
    previous_handoff: HandoffShape | None
    other_handoffs: list[HandoffShape] = Field(
        [], description="Others since this directory was last open, newest first"
    )
    related_memories: list[SearchResult]
    recommendations: list[str]
    degraded: list[str] = Field(description="What could not be done, and why")
    cleared_copies: list[dict[str, str]] = Field(description="Copies of cleared handoffs, for segue connect")


class QualityScore(BaseModel):
    """0 to 100 each; null where it was not measured."""

    overall: float | None
    project_health: float | None
    permissions: float | None
    tools_available: float | None
    measured_score: float | None = Field(description="Of the points that were measured")
    evidence_coverage: float | None = Field(description="The share of the score that was measured, 0 to 1")
    summary: str | None = Field(description="The score, of how much, and what would be next")


class GitCheckpoint(BaseModel):
    """The commit that a checkpoint made."""

    commit_hash: str
    message: str
    files_changed: list[str]
    quality_score: float | None
    session_id: str
    timestamp: str | None
    ref: str | None = Field(description="The ref it is on, beside the branch; null where it is on the branch")


class CheckpointAnswer(Result):
    """Answer of `checkpoint`."""

    checkpoint_id: str
    quality_score: QualityScore
    quality_delta: float | None
    git_checkpoint_created: bool
    git_checkpoint: GitCheckpoint | None
    git_skipped_reason: str | None
    left_out: list[dict[str, str]] = Field(description="Changed paths that were not committed, each with the reason")
    recommendations: list[str]
    optimization_suggestions: list[str]
    workflow_insights: dict[str, Any]


class Learned(BaseModel):
    """What was learned in a session."""

    insights: list[str]
    solutions: list[str]
    patterns: list[str]


class EndAnswer(Result):
    """Answer of `end`."""

    final_quality_score: float | None
    final_quality_summary: str | None
    learning_captured: Learned
    handoff_file_created: bool
    handoff_file_path: str | None
    handoff: str = Field(description="The handoff's text")
    handoff_file_name: str = Field(description="The name of its copy in the project, below .claude/handoffs")
    memory_persisted: bool
    pending: list[str] = Field(description="What memory could not store yet; done at the next chance")
    memory_trouble: str | None = Field(description="Why the handoff is not in memory; null where it is")
    cleanup_performed: bool


class SessionShape(BaseModel):
    """A session."""

    session_id: str
    project: str
    working_directory: str
    state: str = Field(description="active, ended or abandoned")
    created_at: str | None
    last_seen_at: str | None
    ended_at: str | None
    checkpoints: int
    quality_score: float | None

    @classmethod
    def of(cls, session: session_pb2.SessionState) -> SessionShape:
        """The same session."""
        return cls(
            session_id=session.id,
            project=session.project,
            working_directory=session.working_directory,
            state=session.state,
            created_at=when(session.created_at),
            last_seen_at=when(session.last_seen_at),
            ended_at=when(session.ended_at),
            checkpoints=session.checkpoints,
            quality_score=session.last_quality if session.HasField("last_quality") else None,
        )


class MemorySystem(BaseModel):
    """How much is remembered."""

    enabled: bool
    conversations_stored: int
    reflections_stored: int
    embeddings_available: bool
    degraded: list[str]


class StatusAnswer(Result):
    """Answer of `status`."""

    session_active: bool
    session: SessionShape | None
    project_context: ProjectContext | None
    available_tools: list[str]
    memory_system_status: MemorySystem
    permissions_status: dict[str, Any]
    health_checks: dict[str, Check]


class SessionsAnswer(Result):
    """Answer of `list_sessions`."""

    sessions: list[SessionShape]
    next_cursor: str | None


class ComponentShape(BaseModel):
    """One part of the score."""

    name: str
    value: float
    weight: float
    points: float
    measured: bool
    applies: bool = Field(description="False where it cannot be asked of such a project; its weight is then 0")
    source: str
    measured_at: str | None
    detail: str


class FixProneShape(BaseModel):
    """A file that will likely need a fix, and why."""

    path: str
    why: str


class FixesExpected(BaseModel):
    """The files most likely to need a fix next, by how often and how lately they changed; the likeliest first."""

    files: list[FixProneShape]
    basis: str = Field(description="How often this was right at earlier times, beside naming the files fixed last")


class RecommendationShape(BaseModel):
    """What to do for the score."""

    id: str | None = Field(description="For answer_recommendation; null where answers are switched off")
    text: str
    points: float = Field(description="To gain of the score; at most, where it is not measured")
    measured: bool
    why: list[str] = Field(description="Why it is shown")


class RecommendationAnswer(Result):
    """Answer of `answer_recommendation`."""

    id: str
    answer: str | None = Field(description="What holds now; null after undo")
    until: str | None = Field(description="When it returns at the latest; null: not by time")


class QualityReport(BaseModel):
    """The score, and what it was measured from. What was not measured earns nothing."""

    overall_score: float = Field(description="0 to 100; what was not measured earns nothing")
    measured_score: float = Field(description="0 to 100: the share of the points that were measured")
    summary: str = Field(description="The score, of how much, and what would be next")
    project_health: float
    permissions_score: float = Field(description="The user's rules; no part of overall_score")
    tools_availability: float = Field(description="This machine's tools; no part of overall_score")
    git_status: Any
    dependency_status: Any
    components: list[ComponentShape]
    evidence_coverage: float = Field(description="The share of the score that was measured, 0 to 1")
    recommendations: list[str]
    recommendation_details: list[RecommendationShape]
    fixes_expected: FixesExpected | None = Field(description="null where the history of the project does not tell")
    runs: list[dict[str, Any]]
    cached: bool


class QualityAnswer(Result):
    """Answer of `quality_check`."""

    report: QualityReport
    quality_delta: float | None = Field(description="By how much the score changed since the point before")
    events: list[str] = Field(description="Thresholds (50, 70, 90) that the score came to be above or below")


class PointShape(BaseModel):
    """The quality at one time."""

    timestamp: str
    overall_score: float
    project_health: float
    evidence_coverage: float
    commit: str | None
    kind: str = Field(description="check or checkpoint")
    rules: int = Field(description="The version of the scoring rules; scores of different rules do not compare")

    @classmethod
    def of(cls, point: quality_pb2.Point) -> PointShape:
        """The same point."""
        return cls(
            timestamp=iso(point.timestamp),
            overall_score=point.overall_score,
            project_health=point.project_health,
            evidence_coverage=point.evidence_coverage,
            commit=point.commit or None,
            kind=point.kind,
            rules=point.rules or 1,
        )


class TrendShape(BaseModel):
    """Where the quality is heading."""

    direction: str = Field(description="rising, falling, steady; unknown with too few points")
    slope_per_day: float
    slope_low: float | None = Field(description="The slope's 95 % confidence interval")
    slope_high: float | None


class HistoryAnswer(Result):
    """Answer of `quality_history`."""

    points: list[PointShape]
    rules_changed_at: str | None = Field(description="Since when other rules hold; trend and events are of these alone")
    trend: TrendShape
    forecast: dict[str, Any] | None = Field(
        description="A week on: no change, and from low to high four times out of five; null with too few points"
    )
    events: list[str] = Field(description="Thresholds that the score came to be above or below, oldest first")
