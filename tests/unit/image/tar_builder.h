// Makes archives in memory, right ones and wrong ones.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace bolt::test {

struct TarHeader {
    std::string name;
    char type = '0';
    std::string content;
    std::string link;
    unsigned mode = 0644;
    unsigned uid = 0, gid = 0;
    long mtime = 1'600'000'000;
    unsigned major = 0, minor = 0;
    std::string size_field = {}; // instead of the content's size
    std::string magic = std::string("ustar\0" "00", 8);
};

inline std::string padded(std::string content) {
    content.resize((content.size() + 511) / 512 * 512, '\0');
    return content;
}

inline void put(std::string& block, std::size_t at, std::string_view text) { std::memcpy(block.data() + at, text.data(), text.size()); }

inline std::string seal(std::string block) {
    put(block, 148, "        ");
    unsigned sum = 0;
    for (char const c : block) sum += static_cast<unsigned char>(c);
    put(block, 148, fmt::format("{:06o}", sum));
    block[154] = '\0';
    return block;
}

inline std::string tar_header(TarHeader const& header) {
    std::string block(512, '\0');
    put(block, 0, std::string_view(header.name).substr(0, 100));
    put(block, 100, fmt::format("{:07o}", header.mode));
    put(block, 108, fmt::format("{:07o}", header.uid));
    put(block, 116, fmt::format("{:07o}", header.gid));
    put(block, 124, header.size_field.empty() ? fmt::format("{:011o}", header.content.size()) : header.size_field);
    put(block, 136, fmt::format("{:011o}", header.mtime));
    block[156] = header.type;
    put(block, 157, std::string_view(header.link).substr(0, 100));
    put(block, 257, header.magic);
    put(block, 329, fmt::format("{:07o}", header.major));
    put(block, 337, fmt::format("{:07o}", header.minor));
    return seal(block);
}

inline std::string tar_entry(TarHeader const& header) { return tar_header(header) + padded(header.content); }

inline std::string pax_record(std::string_view key, std::string_view value) {
    auto const rest = fmt::format(" {}={}\n", key, value);
    auto length = rest.size() + 1;
    while (fmt::format("{}", length).size() + rest.size() != length) ++length;
    return fmt::format("{}{}", length, rest);
}
inline std::string pax(std::string records, char type = 'x') { return tar_entry({.name = "pax", .type = type, .content = std::move(records)}); }
inline std::string tar_end() { return std::string(1024, '\0'); }

} // namespace bolt::test
