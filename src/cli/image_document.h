// An image as `bolt inspect` shows it.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "store/images.h"

namespace bolt::cli {

// docker inspect's document for an image.
Result<Json> image_document(store::Layout const& layout, store::Image const& image);

// "nginx" and "1" of "docker.io/library/nginx:1"; "<none>" for what it has not.
struct ShownName {
    std::string repository, tag;
};
ShownName shown_name(std::string const& reference);
// "nginx:1"
std::string familiar_text(std::string const& reference);
// "nginx@sha256:…"; empty when the image was not pulled.
std::string digest_text(store::Image const& image, std::string const& reference);

} // namespace bolt::cli
