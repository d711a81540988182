// node validate_objects.js FILE…: holds Kubernetes objects against the API's own schema: types and required fields.
const fs = require("fs");
const yaml = require("js-yaml");

// "apps/v1" is the folder apps/v1; "networking.k8s.io/v1" keeps its dots.
function model(object) {
  return require(`kubernetes-models/${object.apiVersion}/${object.kind}`)[object.kind];
}

let wrong = 0;
for (const file of process.argv.slice(2)) {
  for (const object of yaml.loadAll(fs.readFileSync(file, "utf8"))) {
    try {
      const Model = model(object);
      new Model(object).validate();
    } catch (error) {
      wrong++;
      console.log(`${file}: ${object.kind} ${object.metadata.name}: ${error.message}`);
    }
  }
}
process.exit(wrong ? 1 : 0);
