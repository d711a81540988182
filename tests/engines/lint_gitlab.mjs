// node lint_gitlab.mjs FILE…: holds pipelines against the schema that GitLab publishes, as gitlab-ci-local ships it.
import fs from "fs";
import Ajv from "ajv";
import yaml from "js-yaml";
import { schema } from "./node_modules/gitlab-ci-local/src/schema/schema.js";

const validate = new (Ajv.default ?? Ajv)({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
let wrong = 0;
for (const file of process.argv.slice(2)) {
  if (validate(yaml.load(fs.readFileSync(file, "utf8")))) continue;
  wrong++;
  for (const error of validate.errors) console.log(`${file}: ${error.instancePath} ${error.message}`);
}
process.exit(wrong ? 1 : 0);
