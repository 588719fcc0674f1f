// Blocks of metadata: extracted from the containers of each format, and reduced to what a cut-out may keep.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/picture_io.h"
#include "cli/pictures/bytes.h"

namespace decal::cli {

// The IPTC record of Photoshop's image resources (resource 0x0404). Empty if there is none.
std::vector<std::byte> IptcOfResources(ByteSpan resources);

// The inverse: image resources that hold only `iptc`.
std::vector<std::byte> ResourcesOfIptc(ByteSpan iptc);

// Metadata of the TIFF directory at `directory`, and where it has none, of the file's first: XMP (tag 700), IPTC (33723, or among
// Photoshop's resources), and an EXIF block made of what describes the picture, its Exif and its GPS directory. Maker notes stay
// behind: they count offsets from the start of the old file, and values of EXIF beyond 1 MiB.
Metadata TiffMetadata(ByteSpan file, uint64_t directory);

// EXIF for a cut-out: orientation 1, and no thumbnails, because they show the removed background. Damaged EXIF is dropped.
Metadata MetadataToKeep(Metadata metadata);

// A sentence for each block that `format` cannot hold.
std::vector<std::string> MetadataLeftOut(const Metadata& metadata, PictureFormat format);

}  // namespace decal::cli
