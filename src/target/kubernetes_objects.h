// The objects that make up an app in Kubernetes; kubernetes.cc puts them into files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/app_spec.h"
#include "target/target.h"
#include "target/yaml.h"

namespace fairlead::target {

// For how long a pod that is told to stop goes on serving: until every edge knows, whose cluster's
// DNS may hold on to a name for 5 s.
inline constexpr unsigned kPodDrainSeconds = 8;

struct KubernetesInput {
  const config::AppSpec& app;
  const RenderOptions& options;
  std::string settings;  // the name of the config map with the variables of all pods
};

// What tells the pods of one component of the app from all others.
Yaml labels(const config::AppSpec& app, std::string_view component);
// The head of an object.
Yaml object(const config::AppSpec& app, std::string_view version, std::string_view kind,
            std::string_view name, std::string_view component);

// Deployment; a Service without an address of its own where it serves; PodDisruptionBudget from two
// replicas on; HorizontalPodAutoscaler where max_replicas says so.
std::vector<Yaml> process_objects(const KubernetesInput& in, const config::ProcessSpec& process);
// What the pods of `name` survive of maintenance: one away at a time.
Yaml disruption_budget(const config::AppSpec& app, std::string_view name);
// What all pods of the app have; gives the pod's spec.
Yaml& write_pod(const config::AppSpec& app, Yaml& pod_template, std::string_view component);
// Over nodes, as far as there are any.
void write_spread(const config::AppSpec& app, Yaml& pod, std::string_view component);
// Service and StatefulSet.
std::vector<Yaml> service_objects(const KubernetesInput& in, const config::ServiceSpec& service);
// The Job of the release command; job["metadata"]["name"] is release_job_name().
Yaml release_job(const KubernetesInput& in);
// A job cannot change: another image or command is another job.
std::string release_job_name(const KubernetesInput& in);

// The edge: ConfigMap, Deployment, Service, PodDisruptionBudget, and an Ingress that leads to it.
std::vector<Yaml> edge_objects(const KubernetesInput& in);
// Backing services answer the app alone; the app answers whoever the cluster lets in.
std::vector<Yaml> policy_objects(const config::AppSpec& app);

}  // namespace fairlead::target
