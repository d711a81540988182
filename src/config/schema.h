// The tables that fairlead.toml is read by. A struct of app_spec.h has a Schema; each of its keys
// is one line of app_schema.cc: name, kind of value, member it goes to, documentation. From the
// same line come the known keys of error messages, the JSON of a resolved spec and
// docs/fairlead-toml.md.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/diagnostics.h"
#include "config/document.h"

namespace fairlead::config {

using Json = nlohmann::ordered_json;

struct Schema;

// Turns a Document into the structs, reporting what does not fit.
class Reader {
 public:
  // `complete`: the document is whole, so that a missing key is an error.
  Reader(Diagnostics& diagnostics, bool complete)
      : diagnostics_(diagnostics), complete_(complete) {}

  // Reads the table into `target`, a struct of the schema's type.
  void read_table(const Schema& schema, const Member& table, void* target);

  // Whether the value is of that kind; reports it otherwise, with what was expected.
  bool expect(const Member& member, Kind kind, std::string_view expected);
  // The same for text without NUL, which neither files nor processes can be named by.
  bool expect_text(const Member& member);
  // Reports the value: its name, a colon, the problem.
  void wrong(const Member& member, std::string_view problem, std::string suggestion = "");
  void wrong(const Member& member, const Error& error) {
    wrong(member, error.message(), error.hint());
  }
  // Reports the name.
  void wrong_name(const Member& member, const Error& error);

  // Whether something was wrong in the table whose name stands there, so that what was read of it
  // is not what was meant.
  bool is_broken(Location table) const { return broken_.contains(table); }

  // While it lives, messages name `name` as part of where they are: "processes.web".
  class Scope {
   public:
    Scope(Reader& reader, std::string_view name) : reader_(reader), length_(reader.path_.size()) {
      if (!reader.path_.empty()) reader.path_ += '.';
      reader.path_ += name.substr(0, 64);
    }
    ~Scope() { reader_.path_.resize(length_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Reader& reader_;
    std::size_t length_;
  };

 private:
  void unknown_key(const Schema& schema, const Member& member);
  void missing_keys(const Schema& schema, const Member& table);
  std::string in_path() const;  // " in processes.web"; "" at the top

  Diagnostics& diagnostics_;
  bool complete_;
  std::string path_;
  std::set<Location> broken_;
};

// How a key's value is written in the file.
enum class Shape : std::uint8_t {
  kValue,
  kTable,        // [key]
  kNamedTables,  // [key.NAME], any number
  kListOfTables  // [[key]]
};

// Which part of the file may set a key of the top level.
enum class Place : std::uint8_t { kAnywhere, kNotInEnvironments, kOnlyInEnvironments };

struct Key {
  std::string_view name;
  std::string (*type)();                               // for the reference: "duration"
  void (*read)(Reader&, const Member&, void* target);  // `target`: the struct, not the member
  Json (*write)(const void* target);                   // null: not set
  std::string_view doc;
  bool required = false;
  Place place = Place::kAnywhere;
  Shape shape = Shape::kValue;
  const Schema* nested = nullptr;  // of the tables
};

struct Schema {
  std::string_view doc;
  std::span<const Key> keys;
  Json (*default_of)(const Key& key);  // what a key that is not in the file is; null: not set

  const Key* find(std::string_view name) const;
  Json write(const void* target) const;  // null where a required key is not set
};

// The schema of an environment of an app: AppSpec.
const Schema& app_schema();

// Keys that Fairlead leaves to others.
inline bool is_free_key(std::string_view name) { return name.starts_with("x-"); }

}  // namespace fairlead::config
