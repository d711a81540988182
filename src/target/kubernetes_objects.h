// The objects that make up an app in Kubernetes; kubernetes.cc puts them into files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/app_spec.h"
#include "target/target.h"
#include "target/yaml.h"

namespace fairlead::target {

inline constexpr unsigned kDrainSeconds = 5;  // until every proxy knows that a pod is going

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

// Deployment, Service where it serves, PodDisruptionBudget from two replicas on.
std::vector<Yaml> process_objects(const KubernetesInput& in, const config::ProcessSpec& process);
// Service and StatefulSet.
std::vector<Yaml> service_objects(const KubernetesInput& in, const config::ServiceSpec& service);
// The Job of the release command; job["metadata"]["name"] is release_job_name().
Yaml release_job(const KubernetesInput& in);
// A job cannot change: another image or command is another job.
std::string release_job_name(const KubernetesInput& in);

// One Ingress for each route: limits are said by annotations, which hold for the whole object.
std::vector<Yaml> ingress_objects(const config::AppSpec& app);
// Backing services answer the app alone; the app answers whoever the cluster lets in.
std::vector<Yaml> policy_objects(const config::AppSpec& app);

}  // namespace fairlead::target
