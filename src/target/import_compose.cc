#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"
#include "config/values.h"
#include "target/import.h"

namespace fairlead::target {

namespace {

// Keys whose meaning comes along without anything being written.
constexpr std::string_view kImplied[] = {"restart", "depends_on", "container_name", "expose",
                                         "init",    "tty",        "stdin_open"};

std::string text_of(const YAML::Node& node) {
  return node.IsScalar() ? node.Scalar() : std::string();
}

// A word that a shell reads as it stands.
std::string shell_word(const std::string& word) {
  const bool plain =
      !word.empty() &&
      word.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,+") ==
          std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const YAML::Node& node) {
  if (!node.IsSequence()) return text_of(node);
  std::string command;
  for (const auto& word : node) command += (command.empty() ? "" : " ") + shell_word(text_of(word));
  return command;
}

class ComposeReader {
 public:
  ComposeReader(std::string_view file, std::string_view name) : file_(file), name_(name) {}

  Result<Imported> read(const YAML::Node& root) {
    const auto services = root.IsMap() ? root["services"] : YAML::Node();
    if (!services.IsDefined() || !services.IsMap())
      return fail(Code::kInvalid,
                  fmt::format("{}:1: it has no services, as a Compose file has", file_));
    if (root["name"]) name_ = text_of(root["name"]);
    for (const auto& service : services) find_backing(text_of(service.first), service.second);
    for (const auto& service : services)
      if (!backing_.contains(text_of(service.first)))
        add_process(text_of(service.first), service.second);
    for (const auto& [name, type] : backing_)
      add(fmt::format("\n[services.{}]\ntype = {}\n", as_label(name), toml_text(type)));
    std::string head = fmt::format("# From {}.\nname = {}\n", file_, toml_text(as_label(name_)));
    if (!secrets_.empty()) {
      std::string names;
      for (const auto& secret : secrets_) names += (names.empty() ? "" : ", ") + toml_text(secret);
      add(fmt::format("\n[secrets]\nnames = [{}]\n", names));
    }
    for (const auto* part : {"networks", "configs", "x-common"})
      if (root[part]) missing(part, "networks and files of the host are not part of an app");
    return Imported{head + build_ + out_ + routes_, std::move(notes_)};
  }

 private:
  void add(std::string text) { out_ += text; }
  void note(Fidelity fidelity, std::string subject, std::string text) {
    notes_.push_back({fidelity, std::move(subject), std::move(text)});
  }
  void missing(std::string subject, std::string text) {
    note(Fidelity::kMissing, std::move(subject), std::move(text));
  }

  void find_backing(const std::string& name, const YAML::Node& service) {
    auto image = service.IsMap() && service["image"] ? text_of(service["image"]) : "";
    const auto slash = image.rfind('/');
    const auto base = image.substr(slash == std::string::npos ? 0 : slash + 1);
    const auto product = base.substr(0, base.find_first_of(":-"));
    const auto type = product == "postgres" || product == "postgis" ? "postgresql"
                      : product == "redis" || product == "valkey"   ? "redis"
                                                                    : "";
    if (std::string_view(type).empty()) return;
    backing_[name] = type;
    note(Fidelity::kDiffers, fmt::format("services.{}.image", name),
         fmt::format("{} of this machine, not the image {}", type, image));
    for (const auto* key : {"command", "volumes", "ports"})
      if (service[key])
        missing(fmt::format("services.{}.{}", name, key),
                "Fairlead keeps its data and its settings, and lets the app alone reach it");
  }

  void add_process(const std::string& name, const YAML::Node& service) {
    if (!service.IsMap()) return;
    const auto where = fmt::format("services.{}", name);
    const auto label = as_label(name);
    add(fmt::format("\n[processes.{}]\n", label));
    std::set<std::string> known = {"environment", "image", "build"};
    const auto take = [&](const char* key) {
      known.insert(key);
      return service[key];
    };
    auto command = command_of(take("entrypoint") ? service["entrypoint"] : YAML::Node(""));
    const auto words = take("command");
    if (words) command += (command.empty() ? "" : " ") + command_of(words);
    if (command.empty()) {
      command = label;
      missing(where + ".command", "the image's own command is not known here: write it down");
    }
    add(fmt::format("command = {}\n", toml_text(command)));
    read_size(take("deploy"), take("scale"), take("mem_limit"), take("cpus"), where);
    read_health(take("healthcheck"), where);
    if (const auto grace = take("stop_grace_period"); grace) read_grace(text_of(grace), where);
    read_environment(service["environment"], where);
    read_image(service, where);
    if (take("ports")) {
      routes_ += fmt::format("\n[[routes]]\nprocess = {}\n", toml_text(label));
      if (++routed_ == 1)
        note(Fidelity::kDiffers, where + ".ports",
             "the edge listens, on 80 and 443, for every host");
      else
        missing(where + ".ports", "two processes for every host: give each route a host or a path");
    }
    for (const auto& entry : service)
      if (const auto key = text_of(entry.first);
          !known.contains(key) && !std::ranges::count(kImplied, key) && !key.starts_with("x-"))
        missing(fmt::format("{}.{}", where, key), reason_for(key));
  }

  static std::string reason_for(std::string_view key) {
    if (key == "volumes")
      return "a process keeps its data in services; files of its own go into $HOME";
    if (key == "env_file") return "put plain variables into [env], others under [secrets]";
    if (key == "networks") return "processes reach each other's services alone";
    if (key == "secrets") return "name them under [secrets]: they come as variables";
    return "nothing of fairlead.toml means the same";
  }

  void read_size(const YAML::Node& deploy, const YAML::Node& scale, const YAML::Node& memory,
                 const YAML::Node& cpus, const std::string& where) {
    YAML::Node replicas, bytes, cores;
    if (scale) replicas.reset(scale);
    if (memory) bytes.reset(memory);
    if (cpus) cores.reset(cpus);
    if (deploy && deploy.IsMap()) {
      if (deploy["replicas"]) replicas.reset(deploy["replicas"]);
      const auto resources = deploy["resources"];
      if (resources && resources["limits"]) {
        if (resources["limits"]["memory"]) bytes.reset(resources["limits"]["memory"]);
        if (resources["limits"]["cpus"]) cores.reset(resources["limits"]["cpus"]);
      }
    }
    if (replicas.IsScalar() && parse_unsigned(text_of(replicas)))
      add(fmt::format("replicas = {}\n", text_of(replicas)));
    if (bytes.IsScalar()) {
      if (const auto size = size_of(text_of(bytes)))
        add(fmt::format("memory = {}\n", toml_text(config::write_size(*size))));
      else
        missing(where + ".memory", fmt::format("'{}' is no size", text_of(bytes)));
    }
    if (cores.IsScalar()) {
      const double number = std::strtod(text_of(cores).c_str(), nullptr);
      if (number >= 0.01) add(fmt::format("cpu = {}\n", number));
    }
  }

  // "512m", "1.5gb", "1073741824".
  static std::optional<std::uint64_t> size_of(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const auto unit = to_lower(end);
    const double factor = unit.empty() || unit == "b" ? 1
                          : unit[0] == 'k'            ? 1 << 10
                          : unit[0] == 'm'            ? 1 << 20
                          : unit[0] == 'g'            ? 1 << 30
                                                      : 0;
    if (number <= 0 || factor == 0) return std::nullopt;
    return static_cast<std::uint64_t>(number * factor);
  }

  // The path of an URL in the test's command.
  void read_health(const YAML::Node& check, const std::string& where) {
    if (!check || !check.IsMap()) return;
    const auto test = command_of(check["test"]);
    const auto url = test.find("http://");
    const auto slash = url == std::string::npos ? url : test.find('/', url + 7);
    if (slash == std::string::npos)
      return missing(where + ".healthcheck",
                     "ready is when its port accepts, or a path answers 2xx");
    const auto path = test.substr(slash, test.find_first_of(" '\"|;?)", slash) - slash);
    add(fmt::format("health = {}\n", toml_text(path)));
    note(Fidelity::kDiffers, where + ".healthcheck",
         "asked by Fairlead over HTTP, not by a program");
  }

  void read_grace(const std::string& text, const std::string& where) {
    if (config::parse_duration(text))
      add(fmt::format("stop_timeout = {}\n", toml_text(text)));
    else
      missing(where + ".stop_grace_period", fmt::format("write '{}' as one number and unit", text));
  }

  void read_image(const YAML::Node& service, const std::string& where) {
    if (service["build"] && build_.empty()) {
      const auto build = service["build"];
      const auto root = build.IsMap() && build["context"] ? text_of(build["context"])
                        : build.IsScalar()                ? text_of(build)
                                                          : std::string(".");
      build_ = fmt::format("\n[build]\nroot = {}\n", toml_text(root.empty() ? "." : root));
      missing(where + ".build",
              "a Dockerfile is not run: write its command under build.command, and what it makes "
              "under build.include");
    } else if (service["image"]) {
      missing(where + ".image",
              fmt::format("programs are built here, not taken from {}", text_of(service["image"])));
    }
  }

  void read_environment(const YAML::Node& environment, const std::string& where) {
    std::string lines;
    const auto add_variable = [&](const std::string& name, const YAML::Node& value, bool given) {
      lines += variable(name, given ? text_of(value) : fmt::format("${{{}}}", name), where);
    };
    if (environment && environment.IsMap())
      for (const auto& entry : environment)
        add_variable(text_of(entry.first), entry.second, !entry.second.IsNull());
    if (environment && environment.IsSequence())
      for (const auto& entry : environment) {
        const auto text = text_of(entry);
        const auto equals = text.find('=');
        add_variable(text.substr(0, equals),
                     YAML::Node(equals == std::string::npos ? "" : text.substr(equals + 1)),
                     equals != std::string::npos);
      }
    if (!lines.empty()) add(fmt::format("env = {{ {} }}\n", lines.substr(2)));
  }

  // ", NAME = value"; nothing for what Fairlead sets itself, or is a secret.
  std::string variable(const std::string& name, const std::string& value,
                       const std::string& where) {
    const auto subject = fmt::format("{}.environment.{}", where, name);
    const auto is_set = [&](std::string_view type) {
      return std::ranges::any_of(backing_, [&](const auto& one) { return one.second == type; });
    };
    if (name == "PORT" || name == "HOST" || name == "APP_VERSION" ||
        (name == "DATABASE_URL" && is_set("postgresql")) ||
        (name == "REDIS_URL" && is_set("redis"))) {
      note(Fidelity::kCarried, subject, "set by Fairlead itself");
      return "";
    }
    const auto open = value.find("${");
    if (open == std::string::npos) return fmt::format(", {} = {}", name, toml_text(value));
    const auto close = value.find('}', open);
    const auto inside = value.substr(open + 2, close - open - 2);
    const auto standard = inside.find(":-");
    if (open == 0 && close + 1 == value.size() && standard != std::string::npos) {
      note(Fidelity::kDiffers, subject, "its default; the shell's variables are not looked at");
      return fmt::format(", {} = {}", name, toml_text(inside.substr(standard + 2)));
    }
    secrets_.insert(name);
    note(Fidelity::kDiffers, subject, "a secret: 'fairlead secrets set' gives it its value");
    return "";
  }

  const std::string file_;
  std::string name_;
  std::map<std::string, std::string> backing_;  // service → type
  std::set<std::string> secrets_;
  std::string build_, out_, routes_;
  unsigned routed_ = 0;
  std::vector<Note> notes_;
};

}  // namespace

Result<Imported> import_compose(std::string_view text, std::string_view file,
                                std::string_view name) {
  try {
    return ComposeReader(file, name).read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {  // the library has no other way to say it
    return fail(Code::kInvalid, fmt::format("{}:{}:{}: {}", file, error.mark.line + 1,
                                            error.mark.column + 1, error.msg));
  }
}

}  // namespace fairlead::target
