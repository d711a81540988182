#include "observe/openmetrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/strings.h"

namespace fairlead::observe {
namespace {

enum class Type { kUnknown, kCounter, kGauge, kHistogram, kSummary, kInfo };

Type type_named(std::string_view name) {
  if (name == "counter") return Type::kCounter;
  if (name == "gauge" || name == "stateset" || name == "gaugehistogram") return Type::kGauge;
  if (name == "histogram") return Type::kHistogram;
  if (name == "summary") return Type::kSummary;
  return name == "info" ? Type::kInfo : Type::kUnknown;
}

bool cut_suffix(std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

std::optional<double> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// One sample line: NAME [{LABEL="VALUE",…}] VALUE [TIME] [# EXEMPLAR]
class SampleLine {
 public:
  explicit SampleLine(std::string_view line) : rest_(line) {}

  bool read(MetricName& name, double& value) {
    name.name = rest_.substr(0, rest_.find_first_of("{ "));
    rest_.remove_prefix(name.name.size());
    if (name.name.empty()) return false;
    if (rest_.starts_with('{') && !labels(name.labels)) return false;
    rest_ = trim(rest_);
    const auto found = number(rest_.substr(0, rest_.find(' ')));
    if (!found) return false;
    value = *found;
    return true;
  }

 private:
  bool labels(MetricLabels& labels) {
    rest_.remove_prefix(1);
    while (!take('}')) {
      const std::size_t equals = rest_.find("=\"");
      if (equals == std::string_view::npos || equals == 0) return false;
      std::string key(trim(rest_.substr(0, equals)));
      rest_.remove_prefix(equals + 2);
      std::string text;
      if (!quoted(text)) return false;
      labels.emplace_back(std::move(key), std::move(text));
      if (!take(',') && !rest_.starts_with('}')) return false;
    }
    std::ranges::sort(labels);
    return true;
  }
  bool quoted(std::string& text) {
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return true;
      }
      const bool escaped = rest_[i] == '\\';
      if (escaped && ++i == rest_.size()) return false;
      text += escaped && rest_[i] == 'n' ? '\n' : rest_[i];
    }
    return false;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view rest_;
};

class Reader {
 public:
  Result<std::vector<ScrapedSample>> read(std::string_view text) {
    std::size_t number = 0;
    while (!text.empty()) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      ++number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line == "# EOF") break;
      if (line.empty()) continue;
      if (line.starts_with('#')) {
        comment(line);
        continue;
      }
      if (!sample(line))
        return fail(Code::kProtocol, fmt::format("line {} of the metrics cannot be read", number));
      if (samples_.size() + buckets_.size() > kMostScrapedSamples)
        return fail(Code::kTooLarge, fmt::format("more than {} metrics", kMostScrapedSamples));
    }
    take_buckets();
    return std::move(samples_);
  }

 private:
  void comment(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != 4 || words[1] != "TYPE") return;
    take_buckets();
    family_ = words[2];
    type_ = type_named(words[3]);
    // The older form names the family of a counter as its sample.
    if (type_ == Type::kCounter) cut_suffix(family_, "_total");
  }

  bool sample(std::string_view line) {
    MetricName name;
    double value = 0;
    if (!SampleLine(line).read(name, value)) return false;
    if (std::isnan(value)) return true;
    const bool ours = !family_.empty() && name.name.starts_with(family_);
    const std::string suffix = ours ? name.name.substr(family_.size()) : "";
    const Type type = ours ? type_ : Type::kUnknown;
    if (suffix == "_created" || type == Type::kInfo) return true;
    if (type == Type::kHistogram && suffix == "_bucket") return bucket(std::move(name), value);
    MetricKind kind = MetricKind::kGauge;
    if ((type == Type::kCounter && (suffix.empty() || suffix == "_total")) ||
        ((type == Type::kHistogram || type == Type::kSummary) &&
         (suffix == "_sum" || suffix == "_count")))
      kind = MetricKind::kForeignCounter;
    if (type == Type::kCounter) cut_suffix(name.name, "_total");
    samples_.push_back({std::move(name), kind, value});
    return true;
  }

  bool bucket(MetricName name, double value) {
    const auto bound =
        std::ranges::find(name.labels, "le", [](const auto& label) { return label.first; });
    if (bound == name.labels.end()) return false;
    const auto up_to = number(bound->second);
    if (!up_to || std::isnan(*up_to)) return false;
    name.labels.erase(bound);
    name.name = family_;
    buckets_[std::move(name)][*up_to] = value;
    return true;
  }

  // Counts up to a bound become counts between two.
  void take_buckets() {
    for (const auto& [name, bounds] : buckets_) {
      double above = 0, below = 0;
      for (const auto& [up_to, count] : bounds) {
        MetricName bucket = name;
        bucket.labels.emplace_back("bucket", fmt::format("{}..{}", above, up_to));
        std::ranges::sort(bucket.labels);
        samples_.push_back(
            {std::move(bucket), MetricKind::kForeignCounter, std::max(0.0, count - below)});
        above = up_to;
        below = count;
      }
    }
    buckets_.clear();
  }

  std::string family_;
  Type type_ = Type::kUnknown;
  std::vector<ScrapedSample> samples_;
  std::map<MetricName, std::map<double, double>> buckets_;  // of the family that is being read
};

void set_label(MetricLabels& labels, std::string name, std::string_view value) {
  labels.emplace_back(std::move(name), value);
}

}  // namespace

Result<std::vector<ScrapedSample>> read_openmetrics(std::string_view text) {
  return Reader().read(text);
}

void add_labels(MetricName& name, const MetricLabels& labels) {
  for (const auto& [key, value] : labels)
    if (name.label(key).empty()) name.labels.emplace_back(key, value);
  std::ranges::sort(name.labels);
}

Result<> store_samples(MetricStore& store, std::span<const ScrapedSample> samples, WallTime time) {
  std::vector<MetricSample> values;
  values.reserve(samples.size());
  Result<> outcome;
  for (const ScrapedSample& sample : samples) {
    const auto id = store.series(sample.name, sample.kind);
    if (id)
      values.push_back({*id, sample.value});
    else
      outcome = fail(id.error());  // of one series: the others count all the same
  }
  TRY_VOID(store.append(time, values));
  return outcome;
}

void name_edge_samples(std::vector<ScrapedSample>& samples) {
  for (ScrapedSample& sample : samples) {
    MetricLabels& labels = sample.name.labels;
    const std::string pool(sample.name.label("pool")), origin(sample.name.label("origin"));
    const auto words = split(pool, '/');
    if (words.size() != 3) continue;
    std::erase_if(
        labels, [](const auto& label) { return label.first == "pool" || label.first == "origin"; });
    set_label(labels, "app", words[0]);
    set_label(labels, "environment", words[1]);
    set_label(labels, "process", words[2]);
    if (const std::size_t slash = origin.rfind('/'); slash != std::string::npos) {
      std::string_view replica = std::string_view(origin).substr(slash + 1);
      const std::string suffix = fmt::format(".{}", sample.name.label("release"));
      if (suffix.size() > 1 && replica.ends_with(suffix)) replica.remove_suffix(suffix.size());
      set_label(labels, "replica", replica);
    }
    std::ranges::sort(labels);
  }
}

namespace {

// Of one label set: upper bound → how many lay in that bucket.
using Buckets = std::map<double, double>;

void put_labels(std::string& text, const MetricLabels& labels, std::string_view bound = {}) {
  char separator = '{';
  const auto put = [&](std::string_view key, std::string_view value) {
    text += separator;
    separator = ',';
    text.append(key).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') text += '\\';
      if (c == '\n')
        text += "\\n";
      else
        text += c;
    }
    text += '"';
  };
  for (const auto& [key, value] : labels)
    if (!value.empty()) put(key, value);
  if (!bound.empty()) put("le", bound);
  if (separator == ',') text += '}';
}

// "0.1..0.25": the upper bound.
double upper_bound(std::string_view bucket) {
  const auto dots = bucket.find("..");
  return dots == std::string_view::npos ? INFINITY
                                        : number(bucket.substr(dots + 2)).value_or(INFINITY);
}

class Writer {
 public:
  explicit Writer(std::span<const ScrapedSample> samples) {
    for (const auto& sample : samples) take(sample);
  }
  std::string write() {
    for (const auto& [name, series] : histograms_) write_histogram(name, series);
    for (const auto& [name, family] : families_)
      if (!is_part_of_histogram(name)) write_family(name, family);
    return text_ + "# EOF\n";
  }

 private:
  struct Family {
    bool counter = false;
    std::map<MetricLabels, double> values;
  };

  void take(const ScrapedSample& sample) {
    const auto bucket = sample.name.label("bucket");
    if (bucket.empty()) {
      Family& family = families_[sample.name.name];
      family.counter = is_counter(sample.kind);
      family.values[sample.name.labels] = sample.value;
      return;
    }
    MetricLabels labels = sample.name.labels;
    std::erase_if(labels, [](const auto& label) { return label.first == "bucket"; });
    histograms_[sample.name.name][std::move(labels)][upper_bound(bucket)] = sample.value;
  }
  bool is_part_of_histogram(std::string_view name) const {
    for (const std::string_view suffix : {"_sum", "_count"})
      if (name.ends_with(suffix) &&
          histograms_.contains(std::string(name.substr(0, name.size() - suffix.size()))))
        return true;
    return false;
  }
  void write_histogram(const std::string& name, const std::map<MetricLabels, Buckets>& all) {
    text_ += fmt::format("# TYPE {} histogram\n", name);
    const auto sums = families_.find(name + "_sum");
    for (const auto& [labels, buckets] : all) {
      double count = 0;
      for (const auto& [bound, value] : buckets) {
        count += value;
        if (std::isfinite(bound)) line(name + "_bucket", labels, count, fmt::format("{}", bound));
      }
      line(name + "_bucket", labels, count, "+Inf");
      line(name + "_count", labels, count);
      if (sums != families_.end())
        if (const auto sum = sums->second.values.find(labels); sum != sums->second.values.end())
          line(name + "_sum", labels, sum->second);
    }
  }
  void write_family(const std::string& name, const Family& family) {
    text_ += fmt::format("# TYPE {} {}\n", name, family.counter ? "counter" : "gauge");
    for (const auto& [labels, value] : family.values)
      line(family.counter ? name + "_total" : name, labels, value);
  }
  void line(const std::string& name, const MetricLabels& labels, double value,
            std::string_view bound = {}) {
    text_ += name;
    put_labels(text_, labels, bound);
    text_ += fmt::format(" {}\n", value);
  }

  std::map<std::string, Family> families_;
  std::map<std::string, std::map<MetricLabels, Buckets>> histograms_;
  std::string text_;
};

}  // namespace

std::string write_openmetrics(std::span<const ScrapedSample> samples) {
  return Writer(samples).write();
}

}  // namespace fairlead::observe
