"""The answer to "which tasks hurt it" as a page: pictures, what confirms it, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metainfl.report.document import Section, document, escape, table
from metainfl.report.scatter import scatter
from metainfl.report.tables import short

SIGN = (
    "A score is the change of the targets' loss when a task or an instance is removed from training: below "
    "0 it hurts the targets, above 0 it helps them."
)


def page(
    title: str,
    found: Mapping[str, Any],
    harmful: Sequence[Mapping[str, Any]],
    helpful: Sequence[Mapping[str, Any]],
    worst: Sequence[Mapping[str, Any]],
    best: Sequence[Mapping[str, Any]],
    next_: Sequence[tuple[str, str]],
    environment: Mapping[str, Any],
) -> str:
    """`found` is the attribution as plain data; tasks and instances are shown as given; `next_` are pairs

    of what to do and the command that does it.
    """
    rows = found["tasks"]
    counts = {
        "training tasks": len(rows),
        "hurt the targets": sum(r["score"] < 0 for r in rows),
        "help them": sum(r["score"] > 0 for r in rows),
        "removed for real": 0
        if found["confirmation"] is None
        else len(found["confirmation"]["rows"]),
    }
    if found["doubt"]:  # what the scores say is no count of anything
        counts = {k: v for k, v in counts.items() if k not in ("hurt the targets", "help them")}
    targets = len(found["target_losses"])
    sign = (
        SIGN.replace("a task or an instance is", "a task is") if found["instance_score"] else SIGN
    )
    what = f"Training tasks by their effect on {targets} targets: {found['estimator']}. {sign}"
    if found["doubt"]:
        what = f"{found['doubt']}. {what}"
    sections = [
        Section("harmful", "Most harmful tasks", _cards(harmful, "No task hurts the targets.")),
        Section("helpful", "Most helpful tasks", _cards(helpful, "No task helps the targets.")),
        Section(
            "instances",
            "Most harmful and most helpful instances",
            _note(found["instance_score"])
            + _instances(worst, "Harmful")
            + _instances(best, "Helpful"),
        ),
        Section("trust", "How far to trust this", _trust(found)),
        Section("next", "What to do next", _next(next_)),
        Section(
            "all", "All tasks", table("tasks", list(rows[0]) if rows else [], rows, open_=False)
        ),
    ]
    return document(title, what, counts, sections, environment)


def _cards(tasks: Sequence[Mapping[str, Any]], none: str) -> str:
    if not tasks:
        return f"<p>{none}</p>"
    return "<div class='cards'>" + "".join(_card(t) for t in tasks) + "</div>"


def _card(task: Mapping[str, Any]) -> str:
    half = "" if task["half"] is None else f" &plusmn; {short(task['half'])}"
    text = "".join(
        f"<p class='side'>{s['side']}"
        + (
            f" ({len(s['instances'])} of {s['count']} shown)"
            if s["count"] > len(s["instances"])
            else ""
        )
        + f"</p>{_strip(s['instances'])}"
        for s in task["sides"]
    )
    return (
        f"<article><h3>{escape(task['name'])}</h3><p class='score'>score <b>{short(task['score'])}</b>"
        f"{half}, rank {task['place']}</p>{text}</article>"
    )


def _strip(instances: Sequence[Mapping[str, Any]]) -> str:
    """Pictures in a row, those of one class beside one another; a list where they are no pictures."""
    return "<div class='strip'>" + "".join(_one(i) for i in instances) + "</div>"


def _one(i: Mapping[str, Any]) -> str:
    words = f"{i['label']}, score {short(i['score'])}"
    if i["picture"] is None:
        return f"<p class='fact'>{escape(words)}: {escape(i['facts'])}</p>"
    alt = escape(f"{i['what']}: {i.get('target', i['label'])}, score {short(i['score'])}")
    return (
        f"<figure class='small'><img src='{i['picture']}' alt='{alt}' title='{alt}' loading='lazy'>"
        f"<figcaption>{escape(i['label'])}<br>{short(i['score'])}</figcaption></figure>"
    )


def _note(text: str) -> str:
    return f"<p>{escape(text[:1].upper() + text[1:])}.</p>" if text else ""


def _instances(listed: Sequence[Mapping[str, Any]], heading: str) -> str:
    if not listed:
        return ""
    named = [dict(i, target=i["label"], label=f"{i['what']}: {i['label']}") for i in listed]
    return f"<h3>{heading}</h3>{_strip(named)}"


def _trust(found: Mapping[str, Any]) -> str:
    out = [f"<p>{escape(found['estimator'])}: {escape(found['why'])}.</p>"]
    if found["interval"]:
        out.append(f"<p>The number after &plusmn; is the {escape(found['interval'])}.</p>")
    confirmed = found["confirmation"]
    if confirmed is not None:
        out.append(
            f"<p><b>{escape(confirmed['words'])}.</b> Each was removed and everything computed again.</p>"
        )
        out.append(scatter(confirmed["rows"], "predicted", "true", "removed"))
        rows = [
            {"removed": r["removed"], "predicted change": r["predicted"], "true change": r["true"]}
            for r in confirmed["rows"]
        ]
        out.append(table("confirmed", list(rows[0]), rows, open_=True))
    else:
        out.append("<p><b>Nothing was removed for real: no number here is confirmed.</b></p>")
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in found["facts"].items())
    return "".join(out) + f"<dl>{facts}</dl>"


def _next(steps: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<p>{escape(what)}</p><pre>{escape(command)}</pre>" for what, command in steps)
