// What the lines of app_schema.cc are made of: each function gives one Key.
#pragma once

#include "config/schema.h"
#include "config/value_types.h"

namespace fairlead::config {

template <typename Pointer>
struct PointerTo;
template <typename Struct, typename Type>
struct PointerTo<Type Struct::*> {
  using Owner = Struct;
  using Value = Type;
};

template <auto Pointer>
auto& member_of(void* target) {
  return static_cast<typename PointerTo<decltype(Pointer)>::Owner*>(target)->*Pointer;
}
template <auto Pointer>
const auto& member_of(const void* target) {
  return static_cast<const typename PointerTo<decltype(Pointer)>::Owner*>(target)->*Pointer;
}

// name = …, a value of the kind `Type`
template <typename Type, auto Pointer>
constexpr Key key(std::string_view name, std::string_view doc) {
  return {
      .name = name,
      .type = &Type::name,
      .read = [](Reader& reader, const Member& member,
                 void* target) { read_value<Type>(reader, member, member_of<Pointer>(target)); },
      .write = [](const void* target) { return Type::write(member_of<Pointer>(target)); },
      .doc = doc};
}

template <typename Struct>
void read_struct(const Schema& schema, Reader& reader, const Member& table, Struct& out) {
  if constexpr (requires { out.where; }) out.where = table.span.where;
  reader.read_table(schema, table, &out);
}

inline Json not_empty(Json json) { return json.empty() ? Json() : json; }

// [name]
template <const Schema& Nested, auto Pointer>
constexpr Key table(std::string_view name) {
  return {
      .name = name,
      .type = [] { return std::string("table"); },
      .read =
          [](Reader& reader, const Member& member, void* target) {
            if (!reader.expect(member, Kind::kTable, "a table")) return;
            const Reader::Scope scope(reader, member.name);
            read_struct(Nested, reader, member, member_of<Pointer>(target));
          },
      .write =
          [](const void* target) { return not_empty(Nested.write(&member_of<Pointer>(target))); },
      .doc = Nested.doc,
      .shape = Shape::kTable,
      .nested = &Nested};
}

// [name.NAME], any number
template <const Schema& Nested, auto Pointer>
constexpr Key named_tables(std::string_view name) {
  return {.name = name,
          .type = [] { return std::string("tables"); },
          .read =
              [](Reader& reader, const Member& member, void* target) {
                if (!reader.expect(member, Kind::kTable, "a table")) return;
                const Reader::Scope scope(reader, member.name);
                for (const auto& table : member.node.members) {
                  if (is_free_key(table.name)) continue;
                  if (auto checked = parse_name(table.name); !checked) {
                    reader.wrong_name(table, checked.error());
                  } else if (reader.expect(table, Kind::kTable, "a table")) {
                    const Reader::Scope inner(reader, table.name);
                    auto& item = member_of<Pointer>(target).emplace_back();
                    item.name = table.name;
                    read_struct(Nested, reader, table, item);
                  }
                }
              },
          .write =
              [](const void* target) {
                Json json = Json::object();
                for (const auto& item : member_of<Pointer>(target))
                  json[item.name] = Nested.write(&item);
                return not_empty(std::move(json));
              },
          .doc = Nested.doc,
          .shape = Shape::kNamedTables,
          .nested = &Nested};
}

// [[name]]
template <const Schema& Nested, auto Pointer>
constexpr Key list_of_tables(std::string_view name) {
  return {.name = name,
          .type = [] { return std::string("list of tables"); },
          .read =
              [](Reader& reader, const Member& member, void* target) {
                if (!reader.expect(member, Kind::kList, "a list of tables")) return;
                for (const auto& node : member.node.items) {
                  const Member table{member.name, node.span, node};
                  if (!reader.expect(table, Kind::kTable, "a list of tables")) continue;
                  const Reader::Scope scope(reader, member.name);
                  read_struct(Nested, reader, table, member_of<Pointer>(target).emplace_back());
                }
              },
          .write =
              [](const void* target) {
                Json json = Json::array();
                for (const auto& item : member_of<Pointer>(target))
                  json.push_back(Nested.write(&item));
                return not_empty(std::move(json));
              },
          .doc = Nested.doc,
          .shape = Shape::kListOfTables,
          .nested = &Nested};
}

// The same line, for a key that must be there.
constexpr Key required(Key line) {
  line.required = true;
  return line;
}
// The same line, for a key that not every part of the file may set.
constexpr Key at(Place place, Key line) {
  line.place = place;
  return line;
}

// The table of `Struct`.
template <typename Struct, std::size_t N>
constexpr Schema schema(std::string_view doc, const std::array<Key, N>& keys) {
  return {doc, keys, [](const Key& line) {
            const Struct fresh{};
            return line.write(&fresh);
          }};
}

}  // namespace fairlead::config
