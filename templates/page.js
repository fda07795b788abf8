"use strict";
// Sorts a table by the column whose heading is clicked: upwards, downwards, as it was.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const texts = new Intl.Collator("en", { numeric: true });
  // Numbers before times before texts; what is empty comes last whichever way.
  const key = (cell) => {
    const text = cell.textContent;
    const time = cell.querySelector("time");
    if (text === "") return { rank: 3 };
    if (time) return { rank: 1, value: time.dateTime };
    if (!cell.classList.contains("n")) return { rank: 2, value: text };
    // As BigInt, the large ones are exact.
    return { rank: 0, value: /^-?\d+$/.test(text) ? BigInt(text) : Number(text.replace("inf", "Infinity")) };
  };
  const compare = (a, b) => {
    if (a.rank !== b.rank) return a.rank - b.rank;
    if (a.rank === 2) return texts.compare(a.value, b.value);
    return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const way = before === null ? 1 : before === "ascending" ? -1 : 0;
      for (const other of heads) other.removeAttribute("aria-sort");
      let sorted = rows;
      if (way !== 0) {
        head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
        const keyed = rows.map((row) => ({ row, key: key(row.cells[column]) }));
        // The sort is stable: equal rows stay in the order they came in.
        keyed.sort((a, b) => {
          const empty = (a.key.rank === 3) - (b.key.rank === 3);
          return empty !== 0 ? empty : way * compare(a.key, b.key);
        });
        sorted = keyed.map(({ row }) => row);
      }
      const fragment = document.createDocumentFragment();
      for (const row of sorted) fragment.append(row);
      body.append(fragment);
    });
  });
}
