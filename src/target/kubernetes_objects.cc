#include "target/kubernetes_objects.h"

namespace fairlead::target {

using config::AppSpec;

Yaml labels(const AppSpec& app, std::string_view component) {
  Yaml labels;
  labels["app.kubernetes.io/name"] = app.name;
  labels["app.kubernetes.io/component"] = component;
  return labels;
}

Yaml object(const AppSpec& app, std::string_view version, std::string_view kind,
            std::string_view name, std::string_view component) {
  Yaml object;
  object["apiVersion"] = version;
  object["kind"] = kind;
  object["metadata"]["name"] = name;
  object["metadata"]["labels"] = labels(app, component);
  object["metadata"]["labels"]["app.kubernetes.io/version"] = app.version;
  return object;
}

}  // namespace fairlead::target
