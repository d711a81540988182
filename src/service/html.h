// Pages from templates: text with {{name}} in it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace fairlead::service {

// Safe as text and inside quoted attributes.
std::string escape_html(std::string_view text);
// A URL that a link may carry: http, https, mailto, or relative; "#" for any other ("javascript:").
std::string_view safe_link(std::string_view url);
// Replaces each {{name}} by its value, escaped. A name that is not given stays as it is.
std::string fill_page(std::string_view page,
                      std::initializer_list<std::pair<std::string_view, std::string_view>> values);

}  // namespace fairlead::service
