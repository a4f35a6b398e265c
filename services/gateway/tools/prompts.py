"""The prompts: slash commands in clients that show them."""

from __future__ import annotations

from fastmcp import FastMCP


def register(mcp: FastMCP) -> None:
    """Adds the prompts to `mcp`."""

    @mcp.prompt
    def init() -> str:
        """Begin work here: the last handoff, related memories, the project's state."""
        return (
            "Call Segue's init with the absolute path of the working directory. Then tell me in a few lines what the "
            "last session left, what is open, and what you suggest to do first."
        )

    @mcp.prompt
    def checkpoint(note: str = "") -> str:
        """Record where the work stands."""
        said = f" The note is: {note}" if note else " Write the note yourself: what was done since the last one."
        return f"Call Segue's checkpoint.{said} Then tell me the quality score, and whether a commit was made."

    @mcp.prompt
    def end() -> str:
        """End the session with a handoff."""
        return (
            "Store what is worth keeping of this session by Segue's store_reflection, tagged solution, pattern, "
            "decision or insight. Then call end with a summary, the next steps and the open questions, and show "
            "me the handoff."
        )

    @mcp.prompt
    def status() -> str:
        """Where the work stands."""
        return "Call Segue's status and tell me in a few lines how the session, the project and Segue itself are."

    @mcp.prompt
    def search(query: str) -> str:
        """Find what is remembered."""
        return f"Call Segue's reflect_on_past with this query, and tell me what is remembered of it: {query}"
