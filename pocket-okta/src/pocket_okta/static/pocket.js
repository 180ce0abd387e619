// Three small comforts; every page works without them.
// 1. Times in the reader's own zone. 2. Copy buttons and "/" for search. 3. Sections marked data-live fetch themselves anew.
"use strict";

const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const then = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent = zoned.format(then);
  }
}

function copyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
      button.textContent = "Copied";
    });
  }
}

// Basic Auth or HTTP Header: only the fields of the chosen mode are shown.
function schemeFields() {
  const choice = document.querySelector("[data-scheme]");
  if (!choice) return;
  const show = () => {
    for (const part of document.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(choice.value);
    }
  };
  choice.addEventListener("change", show);
  show();
}

// What the server last said of each section, so that nothing is touched while nothing is new.
const said = new Map();

async function refresh() {
  const sections = [...document.querySelectorAll("[data-live]")];
  if (sections.length && !document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        sections.forEach((section) => renew(section, page.getElementById(section.id)));
      }
    } catch {
      // The program is gone for the moment; the next round tries again.
    }
  }
  setTimeout(refresh, 2000);
}

// Whoever has opened a line or holds a field is left in peace.
function renew(section, fresh) {
  if (!fresh || said.get(section.id) === fresh.innerHTML) return;
  if (section.querySelector("details[open]") || section.contains(document.activeElement)) return;
  said.set(section.id, fresh.innerHTML);
  section.replaceChildren(...fresh.childNodes);
  localTimes(section);
}

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("[data-slash]");
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});

for (const section of document.querySelectorAll("[data-live]")) said.set(section.id, section.innerHTML);
localTimes(document);
copyButtons(document);
schemeFields();
setTimeout(refresh, 2000);
