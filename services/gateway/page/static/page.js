// Segue's page works without this script; with it there are keys, live parts, and the browser's own time zone.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- the time zone: told once, so that days are the viewer's ------------------------------------------------------

async function send(path, fields) {
  const form = all("form").find((each) => each.getAttribute("action") === path);
  if (!form) return false;
  const body = new URLSearchParams({ ...fields, form: form.elements.form.value });
  const answer = await fetch(path, { method: "POST", body, redirect: "manual" });
  return answer.type === "opaqueredirect" || answer.ok;
}

async function sendZone() {
  const shown = document.body.dataset.zone;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!shown || !zone || sessionStorage.getItem("zone")) return;
  sessionStorage.setItem("zone", zone);
  const clock = (timeZone) => new Date().toLocaleString("en", { timeZone });
  if ((await send("/page/zone", { zone, quietly: "1" })) && clock(zone) !== clock(shown)) location.reload();
}

// --- keys ----------------------------------------------------------------------------------------------------------

let at = -1;
let before = "";
const items = () => all(".item[data-open]");

function move(by) {
  const list = items();
  if (!list.length) return;
  list[at]?.classList.remove("at");
  at = Math.min(Math.max(at + by, 0), list.length - 1);
  list[at].classList.add("at");
  list[at].querySelector("a.text")?.focus({ preventScroll: true });
  list[at].scrollIntoView({ block: "nearest" });
}

function edit() {
  const item = items()[at];
  const memory = document.querySelector("[data-edit]");
  if (item?.dataset.open.startsWith("/page/memory/")) location.href = `${item.dataset.open}?edit`;
  else if (memory) location.href = memory.dataset.edit;
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  e: edit,
  x: () => items()[at]?.querySelector(".pick")?.click(),
  o: () => { const item = items()[at]; if (item) location.href = item.dataset.open; },
  "/": () => { const field = document.querySelector(".ask input") ?? document.getElementById("find"); field?.focus(); field?.select(); },
  "?": () => document.getElementById("keys")?.showModal(),
};
const places = { t: "today", s: "search", d: "decisions", p: "projects", h: "health" };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, dialog");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (before === "g" && places[event.key]) location.href = `/page/${places[event.key]}`;
  else if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  before = event.key;
});

// --- how many are chosen, for who cannot see it ---------------------------------------------------------------------

document.addEventListener("change", (event) => {
  const form = event.target.matches?.(".pick") && event.target.closest("form");
  if (form) form.querySelector(".chosen")?.setAttribute("aria-label", `${all(".pick:checked", form).length} chosen`);
});

// --- what moves by itself -------------------------------------------------------------------------------------------

async function refresh() {
  const main = document.querySelector("main[data-live]");
  const busy = document.querySelector(".pick:checked, .notice") || main.contains(document.activeElement) && document.activeElement !== main;
  if (busy || document.hidden) return;
  const answer = await fetch(location.href).catch(() => null); // the server may have left
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const open = all("details", main).map((each) => each.open);
  if (!fresh) return;
  main.replaceChildren(...fresh.childNodes);
  all("details", main).forEach((each, place) => { if (open.length === all("details", main).length) each.open = open[place]; });
  at = -1;
}

if (document.querySelector("main[data-live]")) {
  // Only while it is seen: a browser has six connections for a host, and there may be many tabs.
  let events;
  const listen = () => {
    events?.close();
    if (document.hidden) return;
    events = new EventSource("/page/live");
    events.addEventListener("change", refresh);
  };
  listen();
  document.addEventListener("visibilitychange", () => { listen(); refresh(); });
  addEventListener("pagehide", () => events?.close());
}
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
sendZone();
