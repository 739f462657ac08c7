/** The books of the sample library: all in the public domain, none by an author who died after 1950. */

export interface Author {
  readonly name: string;
  /** Years; negative before the common era, null where nobody knows the year. */
  readonly born: number | null;
  readonly died: number | null;
}

export interface Book {
  readonly title: string;
  readonly authors: readonly Author[];
  /**
   * Of the first edition as a book, for a novel that came out in parts; of the first performance, for an ancient
   * play. Negative before the common era.
   */
  readonly firstPublished: number;
  /** ISO 639, of the original. */
  readonly language: string;
}

const aeschylus: Author = { name: "Aeschylus", born: null, died: null };
const alcott: Author = { name: "Louisa May Alcott", born: 1832, died: 1888 };
const aristophanes: Author = { name: "Aristophanes", born: null, died: null };
const assis: Author = { name: "Joaquim Maria Machado de Assis", born: 1839, died: 1908 };
const austen: Author = { name: "Jane Austen", born: 1775, died: 1817 };
const balzac: Author = { name: "Honoré de Balzac", born: 1799, died: 1850 };
const baum: Author = { name: "L. Frank Baum", born: 1856, died: 1919 };
const burnett: Author = { name: "Frances Hodgson Burnett", born: 1849, died: 1924 };
const carroll: Author = { name: "Lewis Carroll", born: 1832, died: 1898 };
const cather: Author = { name: "Willa Cather", born: 1873, died: 1947 };
const cervantes: Author = { name: "Miguel de Cervantes", born: 1547, died: 1616 };
const charlotteBronte: Author = { name: "Charlotte Brontë", born: 1816, died: 1855 };
const chekhov: Author = { name: "Anton Chekhov", born: 1860, died: 1904 };
const chopin: Author = { name: "Kate Chopin", born: 1850, died: 1904 };
const cicero: Author = { name: "Cicero", born: -106, died: -43 };
const collins: Author = { name: "Wilkie Collins", born: 1824, died: 1889 };
const collodi: Author = { name: "Carlo Collodi", born: 1826, died: 1890 };
const conrad: Author = { name: "Joseph Conrad", born: 1857, died: 1924 };
const crane: Author = { name: "Stephen Crane", born: 1871, died: 1900 };
const darwin: Author = { name: "Charles Darwin", born: 1809, died: 1882 };
const defoe: Author = { name: "Daniel Defoe", born: null, died: 1731 };
const dekker: Author = { name: "Multatuli", born: 1820, died: 1887 };
const descartes: Author = { name: "René Descartes", born: 1596, died: 1650 };
const dickens: Author = { name: "Charles Dickens", born: 1812, died: 1870 };
const dostoevsky: Author = { name: "Fyodor Dostoevsky", born: 1821, died: 1881 };
const douglass: Author = { name: "Frederick Douglass", born: null, died: 1895 };
const doyle: Author = { name: "Arthur Conan Doyle", born: 1859, died: 1930 };
const dumas: Author = { name: "Alexandre Dumas", born: 1802, died: 1870 };
const eliot: Author = { name: "George Eliot", born: 1819, died: 1880 };
const emilyBronte: Author = { name: "Emily Brontë", born: 1818, died: 1848 };
const engels: Author = { name: "Friedrich Engels", born: 1820, died: 1895 };
const euripides: Author = { name: "Euripides", born: null, died: null };
const fielding: Author = { name: "Henry Fielding", born: 1707, died: 1754 };
const fitzgerald: Author = { name: "F. Scott Fitzgerald", born: 1896, died: 1940 };
const flaubert: Author = { name: "Gustave Flaubert", born: 1821, died: 1880 };
const gaskell: Author = { name: "Elizabeth Gaskell", born: 1810, died: 1865 };
const goethe: Author = { name: "Johann Wolfgang von Goethe", born: 1749, died: 1832 };
const gogol: Author = { name: "Nikolai Gogol", born: 1809, died: 1852 };
const grahame: Author = { name: "Kenneth Grahame", born: 1859, died: 1932 };
const hardy: Author = { name: "Thomas Hardy", born: 1840, died: 1928 };
const hawthorne: Author = { name: "Nathaniel Hawthorne", born: 1804, died: 1864 };
const horace: Author = { name: "Horace", born: -65, died: -8 };
const hugo: Author = { name: "Victor Hugo", born: 1802, died: 1885 };
const ibsen: Author = { name: "Henrik Ibsen", born: 1828, died: 1906 };
const jacobGrimm: Author = { name: "Jacob Grimm", born: 1785, died: 1863 };
const jerome: Author = { name: "Jerome K. Jerome", born: 1859, died: 1927 };
const joyce: Author = { name: "James Joyce", born: 1882, died: 1941 };
const kafka: Author = { name: "Franz Kafka", born: 1883, died: 1924 };
const kant: Author = { name: "Immanuel Kant", born: 1724, died: 1804 };
const kipling: Author = { name: "Rudyard Kipling", born: 1865, died: 1936 };
const laclos: Author = { name: "Pierre Choderlos de Laclos", born: 1741, died: 1803 };
const lagerlof: Author = { name: "Selma Lagerlöf", born: 1858, died: 1940 };
const lermontov: Author = { name: "Mikhail Lermontov", born: 1814, died: 1841 };
const leroux: Author = { name: "Gaston Leroux", born: 1868, died: 1927 };
const london: Author = { name: "Jack London", born: 1876, died: 1916 };
const machiavelli: Author = { name: "Niccolò Machiavelli", born: 1469, died: 1527 };
const marx: Author = { name: "Karl Marx", born: 1818, died: 1883 };
const melville: Author = { name: "Herman Melville", born: 1819, died: 1891 };
const mill: Author = { name: "John Stuart Mill", born: 1806, died: 1873 };
const proust: Author = { name: "Marcel Proust", born: 1871, died: 1922 };
const pushkin: Author = { name: "Alexander Pushkin", born: 1799, died: 1837 };
const queiros: Author = { name: "José Maria de Eça de Queirós", born: 1845, died: 1900 };
const shelley: Author = { name: "Mary Shelley", born: 1797, died: 1851 };
const sienkiewicz: Author = { name: "Henryk Sienkiewicz", born: 1846, died: 1916 };
const smith: Author = { name: "Adam Smith", born: 1723, died: 1790 };
const sophocles: Author = { name: "Sophocles", born: null, died: null };
const soseki: Author = { name: "Natsume Sōseki", born: 1867, died: 1916 };
const stendhal: Author = { name: "Stendhal", born: 1783, died: 1842 };
const stevenson: Author = { name: "Robert Louis Stevenson", born: 1850, died: 1894 };
const stoker: Author = { name: "Bram Stoker", born: 1847, died: 1912 };
const stowe: Author = { name: "Harriet Beecher Stowe", born: 1811, died: 1896 };
const swift: Author = { name: "Jonathan Swift", born: 1667, died: 1745 };
const thackeray: Author = { name: "William Makepeace Thackeray", born: 1811, died: 1863 };
const thoreau: Author = { name: "Henry David Thoreau", born: 1817, died: 1862 };
const tolstoy: Author = { name: "Leo Tolstoy", born: 1828, died: 1910 };
const trollope: Author = { name: "Anthony Trollope", born: 1815, died: 1882 };
const turgenev: Author = { name: "Ivan Turgenev", born: 1818, died: 1883 };
const twain: Author = { name: "Mark Twain", born: 1835, died: 1910 };
const verne: Author = { name: "Jules Verne", born: 1828, died: 1905 };
const virgil: Author = { name: "Virgil", born: -70, died: -19 };
const voltaire: Author = { name: "Voltaire", born: 1694, died: 1778 };
const wells: Author = { name: "H. G. Wells", born: 1866, died: 1946 };
const wharton: Author = { name: "Edith Wharton", born: 1862, died: 1937 };
const whitman: Author = { name: "Walt Whitman", born: 1819, died: 1892 };
const wilde: Author = { name: "Oscar Wilde", born: 1854, died: 1900 };
const wilhelmGrimm: Author = { name: "Wilhelm Grimm", born: 1786, died: 1859 };
const wollstonecraft: Author = { name: "Mary Wollstonecraft", born: 1759, died: 1797 };
const woolf: Author = { name: "Virginia Woolf", born: 1882, died: 1941 };
const zola: Author = { name: "Émile Zola", born: 1840, died: 1902 };

/** In the order in which the reader means to read them. */
export const PRINTED: readonly Book[] = [
  { title: "Moby-Dick", authors: [melville], firstPublished: 1851, language: "en" },
  { title: "Pride and Prejudice", authors: [austen], firstPublished: 1813, language: "en" },
  { title: "The Time Machine", authors: [wells], firstPublished: 1895, language: "en" },
  { title: "Don Quixote, Part One", authors: [cervantes], firstPublished: 1605, language: "es" },
  { title: "The Communist Manifesto", authors: [marx, engels], firstPublished: 1848, language: "de" },
  { title: "Frankenstein", authors: [shelley], firstPublished: 1818, language: "en" },
  { title: "Les Misérables", authors: [hugo], firstPublished: 1862, language: "fr" },
  { title: "War and Peace", authors: [tolstoy], firstPublished: 1869, language: "ru" },
  { title: "Sense and Sensibility", authors: [austen], firstPublished: 1811, language: "en" },
  { title: "Emma", authors: [austen], firstPublished: 1815, language: "en" },
  { title: "Jane Eyre", authors: [charlotteBronte], firstPublished: 1847, language: "en" },
  { title: "Villette", authors: [charlotteBronte], firstPublished: 1853, language: "en" },
  { title: "Wuthering Heights", authors: [emilyBronte], firstPublished: 1847, language: "en" },
  { title: "A Christmas Carol", authors: [dickens], firstPublished: 1843, language: "en" },
  { title: "David Copperfield", authors: [dickens], firstPublished: 1850, language: "en" },
  { title: "Bleak House", authors: [dickens], firstPublished: 1853, language: "en" },
  { title: "A Tale of Two Cities", authors: [dickens], firstPublished: 1859, language: "en" },
  { title: "Great Expectations", authors: [dickens], firstPublished: 1861, language: "en" },
  { title: "Vanity Fair", authors: [thackeray], firstPublished: 1848, language: "en" },
  { title: "North and South", authors: [gaskell], firstPublished: 1855, language: "en" },
  { title: "Barchester Towers", authors: [trollope], firstPublished: 1857, language: "en" },
  { title: "Silas Marner", authors: [eliot], firstPublished: 1861, language: "en" },
  { title: "The Woman in White", authors: [collins], firstPublished: 1860, language: "en" },
  { title: "The Moonstone", authors: [collins], firstPublished: 1868, language: "en" },
  { title: "Alice's Adventures in Wonderland", authors: [carroll], firstPublished: 1865, language: "en" },
  { title: "Far from the Madding Crowd", authors: [hardy], firstPublished: 1874, language: "en" },
  { title: "Tess of the d'Urbervilles", authors: [hardy], firstPublished: 1891, language: "en" },
  { title: "Treasure Island", authors: [stevenson], firstPublished: 1883, language: "en" },
  { title: "Strange Case of Dr Jekyll and Mr Hyde", authors: [stevenson], firstPublished: 1886, language: "en" },
  { title: "Three Men in a Boat", authors: [jerome], firstPublished: 1889, language: "en" },
  { title: "The Picture of Dorian Gray", authors: [wilde], firstPublished: 1891, language: "en" },
  { title: "The Adventures of Sherlock Holmes", authors: [doyle], firstPublished: 1892, language: "en" },
  { title: "The Hound of the Baskervilles", authors: [doyle], firstPublished: 1902, language: "en" },
  { title: "The Jungle Book", authors: [kipling], firstPublished: 1894, language: "en" },
  { title: "Kim", authors: [kipling], firstPublished: 1901, language: "en" },
  { title: "Dracula", authors: [stoker], firstPublished: 1897, language: "en" },
  { title: "The Invisible Man", authors: [wells], firstPublished: 1897, language: "en" },
  { title: "The War of the Worlds", authors: [wells], firstPublished: 1898, language: "en" },
  { title: "Lord Jim", authors: [conrad], firstPublished: 1900, language: "en" },
  { title: "The Secret Agent", authors: [conrad], firstPublished: 1907, language: "en" },
  { title: "The Wind in the Willows", authors: [grahame], firstPublished: 1908, language: "en" },
  { title: "The Secret Garden", authors: [burnett], firstPublished: 1911, language: "en" },
  { title: "Dubliners", authors: [joyce], firstPublished: 1914, language: "en" },
  { title: "Ulysses", authors: [joyce], firstPublished: 1922, language: "en" },
  { title: "Mrs Dalloway", authors: [woolf], firstPublished: 1925, language: "en" },
  { title: "To the Lighthouse", authors: [woolf], firstPublished: 1927, language: "en" },
  { title: "Robinson Crusoe", authors: [defoe], firstPublished: 1719, language: "en" },
  { title: "Gulliver's Travels", authors: [swift], firstPublished: 1726, language: "en" },
  { title: "Tom Jones", authors: [fielding], firstPublished: 1749, language: "en" },
  { title: "The Wealth of Nations", authors: [smith], firstPublished: 1776, language: "en" },
  { title: "A Vindication of the Rights of Woman", authors: [wollstonecraft], firstPublished: 1792, language: "en" },
  { title: "On the Origin of Species", authors: [darwin], firstPublished: 1859, language: "en" },
  { title: "On Liberty", authors: [mill], firstPublished: 1859, language: "en" },
  { title: "Narrative of the Life of Frederick Douglass", authors: [douglass], firstPublished: 1845, language: "en" },
  { title: "The Scarlet Letter", authors: [hawthorne], firstPublished: 1850, language: "en" },
  { title: "Uncle Tom's Cabin", authors: [stowe], firstPublished: 1852, language: "en" },
  { title: "Walden", authors: [thoreau], firstPublished: 1854, language: "en" },
  { title: "Leaves of Grass", authors: [whitman], firstPublished: 1855, language: "en" },
  { title: "Little Women", authors: [alcott], firstPublished: 1868, language: "en" },
  { title: "The Adventures of Tom Sawyer", authors: [twain], firstPublished: 1876, language: "en" },
  { title: "Adventures of Huckleberry Finn", authors: [twain], firstPublished: 1884, language: "en" },
  { title: "The Red Badge of Courage", authors: [crane], firstPublished: 1895, language: "en" },
  { title: "The Awakening", authors: [chopin], firstPublished: 1899, language: "en" },
  { title: "The Wonderful Wizard of Oz", authors: [baum], firstPublished: 1900, language: "en" },
  { title: "The Call of the Wild", authors: [london], firstPublished: 1903, language: "en" },
  { title: "White Fang", authors: [london], firstPublished: 1906, language: "en" },
  { title: "The House of Mirth", authors: [wharton], firstPublished: 1905, language: "en" },
  { title: "The Age of Innocence", authors: [wharton], firstPublished: 1920, language: "en" },
  { title: "My Ántonia", authors: [cather], firstPublished: 1918, language: "en" },
  { title: "The Great Gatsby", authors: [fitzgerald], firstPublished: 1925, language: "en" },
  { title: "Discourse on the Method", authors: [descartes], firstPublished: 1637, language: "fr" },
  { title: "Candide", authors: [voltaire], firstPublished: 1759, language: "fr" },
  { title: "Dangerous Liaisons", authors: [laclos], firstPublished: 1782, language: "fr" },
  { title: "The Red and the Black", authors: [stendhal], firstPublished: 1830, language: "fr" },
  { title: "Notre-Dame de Paris", authors: [hugo], firstPublished: 1831, language: "fr" },
  { title: "Père Goriot", authors: [balzac], firstPublished: 1835, language: "fr" },
  { title: "The Three Musketeers", authors: [dumas], firstPublished: 1844, language: "fr" },
  { title: "Madame Bovary", authors: [flaubert], firstPublished: 1857, language: "fr" },
  { title: "Journey to the Centre of the Earth", authors: [verne], firstPublished: 1864, language: "fr" },
  { title: "Around the World in Eighty Days", authors: [verne], firstPublished: 1873, language: "fr" },
  { title: "Germinal", authors: [zola], firstPublished: 1885, language: "fr" },
  { title: "The Phantom of the Opera", authors: [leroux], firstPublished: 1910, language: "fr" },
  { title: "Swann's Way", authors: [proust], firstPublished: 1913, language: "fr" },
  { title: "The Sorrows of Young Werther", authors: [goethe], firstPublished: 1774, language: "de" },
  { title: "Critique of Pure Reason", authors: [kant], firstPublished: 1781, language: "de" },
  { title: "Faust, Part One", authors: [goethe], firstPublished: 1808, language: "de" },
  {
    title: "Children's and Household Tales",
    authors: [jacobGrimm, wilhelmGrimm],
    firstPublished: 1812,
    language: "de",
  },
  { title: "The Metamorphosis", authors: [kafka], firstPublished: 1915, language: "de" },
  { title: "The Trial", authors: [kafka], firstPublished: 1925, language: "de" },
  { title: "Eugene Onegin", authors: [pushkin], firstPublished: 1833, language: "ru" },
  { title: "A Hero of Our Time", authors: [lermontov], firstPublished: 1840, language: "ru" },
  { title: "Dead Souls", authors: [gogol], firstPublished: 1842, language: "ru" },
  { title: "Fathers and Sons", authors: [turgenev], firstPublished: 1862, language: "ru" },
  { title: "Crime and Punishment", authors: [dostoevsky], firstPublished: 1867, language: "ru" },
  { title: "Anna Karenina", authors: [tolstoy], firstPublished: 1878, language: "ru" },
  { title: "The Cherry Orchard", authors: [chekhov], firstPublished: 1904, language: "ru" },
  { title: "The Prince", authors: [machiavelli], firstPublished: 1532, language: "it" },
  { title: "The Adventures of Pinocchio", authors: [collodi], firstPublished: 1883, language: "it" },
  { title: "The Posthumous Memoirs of Brás Cubas", authors: [assis], firstPublished: 1881, language: "pt" },
  { title: "The Maias", authors: [queiros], firstPublished: 1888, language: "pt" },
  { title: "Max Havelaar", authors: [dekker], firstPublished: 1860, language: "nl" },
  { title: "A Doll's House", authors: [ibsen], firstPublished: 1879, language: "no" },
  { title: "Gösta Berling's Saga", authors: [lagerlof], firstPublished: 1891, language: "sv" },
  { title: "Quo Vadis", authors: [sienkiewicz], firstPublished: 1896, language: "pl" },
  { title: "Kokoro", authors: [soseki], firstPublished: 1914, language: "ja" },
];

/** Only those whose year is known. */
export const BEFORE_PRINT: readonly Book[] = [
  { title: "The Persians", authors: [aeschylus], firstPublished: -472, language: "grc" },
  { title: "Oresteia", authors: [aeschylus], firstPublished: -458, language: "grc" },
  { title: "Medea", authors: [euripides], firstPublished: -431, language: "grc" },
  { title: "The Clouds", authors: [aristophanes], firstPublished: -423, language: "grc" },
  { title: "The Trojan Women", authors: [euripides], firstPublished: -415, language: "grc" },
  { title: "Lysistrata", authors: [aristophanes], firstPublished: -411, language: "grc" },
  { title: "Philoctetes", authors: [sophocles], firstPublished: -409, language: "grc" },
  { title: "The Frogs", authors: [aristophanes], firstPublished: -405, language: "grc" },
  { title: "Oedipus at Colonus", authors: [sophocles], firstPublished: -401, language: "grc" },
  { title: "On Duties", authors: [cicero], firstPublished: -44, language: "la" },
  { title: "Odes, Books One to Three", authors: [horace], firstPublished: -23, language: "la" },
  { title: "Aeneid", authors: [virgil], firstPublished: -19, language: "la" },
];
