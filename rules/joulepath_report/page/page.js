// SPDX-License-Identifier: Apache-2.0
"use strict";
// Headings become buttons that sort their table; without this script the tables are as they are.
for (const heading of document.querySelectorAll("thead th")) {
  const body = heading.closest("table").tBodies[0];
  if (body.rows.length < 2) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  heading.append(button);
  const numbers = heading.classList.contains("number");
  button.addEventListener("click", () => {
    const first = numbers ? "descending" : "ascending";
    const second = numbers ? "ascending" : "descending";
    const order = heading.ariaSort === first ? second : first;
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.ariaSort = order;
    const at = heading.cellIndex;
    const value = (row) => row.cells[at].dataset.value ?? "";
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...body.rows].sort((one, two) => {
      const [a, b] = [value(one), value(two)];
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (numbers ? a - b : a.localeCompare(b, "en", { numeric: true }));
    });
    body.append(...rows);
  });
}
